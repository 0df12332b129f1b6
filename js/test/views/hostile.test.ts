import { afterEach, describe, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { action, part } from "../find";
import { painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

describe("hostile text", () => {
  const EVIL = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';

  test("shows as text wherever it comes from", async () => {
    const stage = new Stage({ options: { note: EVIL, title: EVIL } });
    const { root } = stage.show();
    stage.send([
      { type: "run_start", run_id: "r", model: EVIL, provider: EVIL },
      { type: "step_start", name: EVIL, agent: EVIL, time: 0 },
      { type: "thinking_delta", block: 0, text: EVIL, time: 1 },
      text(EVIL, 1),
      { type: "tool_call_start", call_id: EVIL, block: 2, name: EVIL, time: 2 },
      { type: "tool_call_delta", call_id: EVIL, arguments: EVIL },
      { type: "tool_call_end", call_id: EVIL, arguments: { x: EVIL } },
      { type: "tool_progress", call_id: EVIL, content: EVIL },
      { type: "tool_result", call_id: EVIL, content: EVIL },
      { type: "citation", block: 1, title: EVIL, url: `javascript:${EVIL}`, quote: EVIL },
      { type: "content_part", block: 3, mime: "text/html", data: btoa(EVIL), alt: EVIL, time: 3 },
      { type: "content_part", block: 4, mime: "image/svg+xml", url: "javascript:1", time: 3 },
      { type: "refusal_delta", block: 5, text: EVIL, time: 3 },
      { type: "warning", message: EVIL, detail: EVIL },
      { type: "error", kind: "server", message: EVIL, hint: EVIL, body: EVIL },
      { type: "run_end", finish_reason: "error", provider_reason: EVIL, time: 4 },
    ]);
    await painted();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((globalThis as { hacked?: number }).hacked).toBeUndefined();
    expect(root.querySelector("script, img, iframe, object, embed")).toBeNull();
    for (const element of root.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        expect(name.startsWith("on")).toBe(false);
        if (name === "href" || name === "src") expect(value).not.toMatch(/^javascript:/i);
      }
    }
    for (const name of ["tool", "error", "refusal", "sources"]) {
      expect(part(root, name)?.textContent).toContain("<script>");
    }
  });

  test("a remote image waits for a click; data of an image is shown", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const dot =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await stage.say(
      START,
      {
        type: "content_part",
        block: 0,
        mime: "image/png",
        url: "http://127.0.0.1:9/x.png",
        alt: "A",
      },
      { type: "content_part", block: 1, mime: "image/png", data: dot, alt: "dot" },
    );
    expect(root.querySelectorAll("img")).toHaveLength(1);
    expect(root.querySelector("img")?.alt).toBe("dot");
    const blocked = part(root, "image-blocked") as HTMLElement;
    expect(blocked.innerText).toContain("127.0.0.1:9");
    action(blocked, "load-image")?.click();
    expect(root.querySelectorAll("img")).toHaveLength(2);
  });
});
