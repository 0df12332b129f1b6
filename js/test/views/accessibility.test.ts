import { afterEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { painter } from "../../src/dom/painter";
import { action, part, shown } from "../find";
import { end, METRICS, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("the focus stays at the card when its question is answered", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "a", block: 0, name: "delete" },
    { type: "tool_call_end", call_id: "a", arguments: {} },
    { type: "tool_approval", call_id: "a", decision: "requested" },
  );
  action(root, "approve")?.focus();
  await userEvent.keyboard("{Enter}");
  expect(stage.model.sent.at(-1)).toEqual({
    ...{ kind: "approve", call_id: "a", decision: "approved" },
  });
  await stage.say({ type: "tool_approval", call_id: "a", decision: "approved" });
  expect(document.activeElement).toBe(part(root, "tool"));
});

test("every button is reached and pressed with the keyboard", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("a"));
  const buttons = [...root.querySelectorAll("button")].filter(shown);
  const reached: (string | undefined)[] = [];
  for (const _ of buttons) {
    await userEvent.keyboard("{Tab}");
    reached.push((document.activeElement as HTMLElement).dataset.action);
    expect(getComputedStyle(document.activeElement as HTMLElement).outlineStyle).toBe("solid");
  }
  expect(reached).toEqual(buttons.map((each) => each.dataset.action));
  expect(reached).toEqual(expect.arrayContaining(["stop", "copy", "raw"]));
  action(root, "raw")?.focus();
  await userEvent.keyboard("{Enter}");
  expect(action(root, "raw")?.getAttribute("aria-pressed")).toBe("true");
  action(root, "stop")?.focus();
  await userEvent.keyboard(" ");
  expect(stage.model.sent).toEqual([{ kind: "stop" }]);
});

test("the focus stays in the view when Stop disappears and the view moves", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("a"));
  action(root, "stop")?.focus();
  await stage.say(end("stopped"));
  expect(document.activeElement).toBe(action(root, "copy"));
  remove();
  expect(document.activeElement).toBe(document.body);
  const frozen = document.createElement("div");
  frozen.innerHTML = `<div class="nbstream-static" data-nbstream="${stage.model.get("uid")}"></div>`;
  document.body.append(frozen);
  await Promise.resolve();
  expect(document.activeElement).toBe(action(root, "copy"));
});

test("the focus on Stop survives an exchange that comes before the last paint", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("a"));
  action(root, "stop")?.focus();
  stage.send([end("stopped")]);
  remove();
  await Promise.resolve();
  stage.show();
  expect(document.activeElement).toBe(action(root, "copy"));
});

test("a screen reader hears the beginning and the end, not each word", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const live = root.querySelector("[aria-live]") as HTMLElement;
  const heard: string[] = [];
  new MutationObserver(() => heard.push(live.textContent ?? "")).observe(live, {
    childList: true,
    characterData: true,
    subtree: true,
  });
  await stage.say(START);
  for (let i = 0; i < 20; i++) await stage.say(text("word "));
  stage.send([end()], METRICS);
  await painted();
  expect(live.getAttribute("aria-live")).toBe("polite");
  expect(heard).toEqual(["The answer is being written.", "The answer is complete, 412 tokens."]);
  expect(part(root, "answer")?.closest("[aria-live]")).toBeNull();
});

test("errors are announced with their hint", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START);
  await stage.say(
    { type: "error", kind: "server", message: "It broke.", hint: "Try later." },
    end("error"),
  );
  expect(root.querySelector("[aria-live]")?.textContent).toBe("Error: It broke. Try later.");
});
