import { afterEach, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { part, parts, shown } from "../find";
import { START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("thinking is open while it streams and then folds", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, { type: "thinking_delta", block: 0, text: "Hm.", time: 1, until: 13 });
  const panel = part(root, "thinking") as HTMLDetailsElement;
  expect(panel.open).toBe(true);
  expect(panel.innerText).toContain("Hm.");
  await stage.say(text("Yes.", 1));
  expect(panel.open).toBe(false);
  expect(panel.querySelector("summary")?.innerText).toBe("Thought for 12 s");
});

test("thinking that is only a signature shows nothing; sealed thinking says so", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const signed = { type: "thinking_delta", block: 0, text: "", time: 1 } as const;
  await stage.say(START, { ...signed, signature: "c2ln" }, text("Yes.", 1));
  expect(shown(part(root, "thinking"))).toBe(false);
  await stage.say({ ...signed, block: 2, redacted: "c2ln" }, text("No.", 3));
  expect(parts(root, "thinking").map(shown)).toEqual([false, true]);
});

test("a panel the reader opened stays open", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, { type: "thinking_delta", block: 0, text: "Hm.", time: 1 });
  const panel = part(root, "thinking") as HTMLDetailsElement;
  panel.querySelector("summary")?.click();
  panel.querySelector("summary")?.click();
  await stage.say(text("Yes.", 1));
  expect(panel.open).toBe(true);
});

test("hidden thinking is nowhere", async () => {
  const stage = new Stage({ options: { thinking: "hidden" } });
  const { root } = stage.show();
  await stage.say(START, { type: "thinking_delta", block: 0, text: "secret", time: 1 });
  expect(root.textContent).not.toContain("secret");
  expect(part(root, "waiting")?.innerText).toBe("thinking…");
});
