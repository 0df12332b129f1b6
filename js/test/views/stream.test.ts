import { afterEach, describe, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { action, part, parts, shown } from "../find";
import { end, METRICS, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("a run from its start to its end", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START);
  expect(root.dataset.status).toBe("running");
  expect(shown(action(root, "stop"))).toBe(true);
  stage.send([text("Hello **world**"), end()], METRICS);
  await painted();
  expect(root.dataset.status).toBe("done");
  expect(root.getAttribute("aria-busy")).toBe("false");
  expect(part(root, "answer")?.querySelector("strong")?.textContent).toBe("world");
  expect(part(root, "metrics")?.innerText.replace(/\s+/g, " ")).toContain("m-1");
  const facts = [...root.querySelectorAll<HTMLElement>("[data-fact]")].map(
    (each) => each.innerText,
  );
  expect(facts).toEqual(["m-1", "412 tokens", "48 tok/s", "TTFT 0.30 s", "8.6 s", "stop"]);
  expect(shown(action(root, "stop"))).toBe(false);
});

test("an estimate shows as one", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  stage.send([START, text("a")], { ...METRICS, token_source: "deltas" });
  await painted();
  expect(root.querySelector('[data-fact="tokens"]')?.textContent).toBe("~412 tokens");
});

test("neighbouring text blocks are one answer; a tool divides it", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("One sen", 0), text("tence **in", 1), text(" two** blocks.", 2));
  expect(parts(root, "answer")).toHaveLength(1);
  expect(part(root, "answer")?.textContent).toBe("One sentence in two blocks.");
  await stage.say(
    { type: "tool_call_start", call_id: "c", block: 3, name: "f" },
    text("After.", 4),
  );
  const kinds = [...root.querySelectorAll(".nbs-body > *")].map((each) =>
    each.getAttribute("data-part"),
  );
  expect(kinds).toEqual(["answer", "tool", "answer"]);
});

test("title and note stand above", async () => {
  const stage = new Stage({ options: { title: "Two models", note: "A demo." } });
  const { root } = stage.show();
  await stage.say(START, text("a"));
  expect(root.innerText).toMatch(/^Two models\s+A demo\.\s+a\s/);
});

test("what is withdrawn disappears", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("keep ", 0));
  const answer = part(root, "answer");
  await stage.say(text("wrong", 1));
  expect(answer?.innerText).toBe("keep wrong");
  await stage.say({ type: "reset", block: 1 }, text("right", 1), end());
  expect(part(root, "answer")).toBe(answer);
  expect(answer?.innerText).toBe("keep right");
});

test("the reader sees the source and copies it", async () => {
  const copied = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("**bold**"));
  action(root, "raw")?.click();
  expect(part(root, "answer")?.innerText).toBe("**bold**");
  await stage.say(text(" more"));
  expect(part(root, "answer")?.innerText).toBe("**bold** more");
  action(root, "raw")?.click();
  expect(part(root, "answer")?.innerText).toBe("bold more");
  action(root, "copy")?.click();
  expect(copied).toHaveBeenCalledWith("**bold** more");
  await vi.waitFor(() => expect(action(root, "copy")?.innerText).toBe("Copied"));
});

describe("stop", () => {
  test("the button says so, and interrupts a kernel that does not hear", async () => {
    const stage = new Stage();
    const interrupt = vi.fn(async () => {});
    stage.model.widget_manager = { kernel: { interrupt } };
    const { root } = stage.show();
    await stage.say(START, text("a"));
    action(root, "stop")?.click();
    await painted();
    expect(stage.model.sent).toEqual([{ kind: "stop" }]);
    expect(action(root, "stop")?.innerText).toBe("Stopping…");
    expect(action(root, "stop")?.getAttribute("aria-disabled")).toBe("true");
    await vi.waitFor(() => expect(interrupt).toHaveBeenCalledOnce(), 8000);
    await stage.say(end("stopped"));
    expect(root.dataset.status).toBe("stopped");
    expect(shown(action(root, "stop"))).toBe(false);
  });
});

describe("a kernel that goes away", () => {
  test("leaves the text and nothing that turns for ever", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("Half"));
    stage.closing.abort();
    await painted();
    expect(root.dataset.status).toBe("stopped");
    expect(part(root, "answer")?.innerText).toBe("Half");
    expect(part(root, "ending")?.innerText).toContain("went away");
    expect(shown(action(root, "stop"))).toBe(false);
    expect(shown(root.querySelector(".nbs-caret"))).toBe(false);
  });
});
