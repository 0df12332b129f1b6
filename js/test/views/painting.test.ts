import { afterEach, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { part, parts, shown } from "../find";
import { end, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("settled nodes are never made again and a selection in them survives", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("The first paragraph.\n\nThe second "));
  const first = part(root, "answer")?.querySelector("p") as HTMLElement;
  const node = first.firstChild as Node;
  getSelection()?.setBaseAndExtent(node, 4, node, 9);
  for (let i = 0; i < 60; i++) await stage.say(text(`word ${i}${i % 9 ? " " : "\n\n"}`));
  await stage.say({ type: "tool_call_start", call_id: "c", block: 1, name: "f" }, end());
  expect(part(root, "answer")?.querySelector("p")).toBe(first);
  expect(first.firstChild).toBe(node);
  expect(getSelection()?.toString()).toBe("first");
});

test("the whole run said again keeps every node that is still right", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const tool = [
    { type: "tool_call_start", call_id: "c", block: 1, name: "f", time: 2 },
    { type: "tool_call_end", call_id: "c", arguments: {}, time: 2 },
  ];
  await stage.say(START, text("# One\n\ntwo"), ...tool, text("three", 2));
  const before = [...root.querySelectorAll(".nbs-body > *, h1, p")];
  stage.model.say({
    kind: "frames",
    after: 0,
    n: 7,
    events: [START, text("# One\n\ntwo"), ...tool, text("three and four", 2)],
  });
  await painted();
  expect([...root.querySelectorAll(".nbs-body > *, h1, p")]).toEqual(before);
  for (const [i, node] of [...root.querySelectorAll(".nbs-body > *, h1, p")].entries()) {
    expect(node).toBe(before[i]);
  }
  expect(parts(root, "answer").map((each) => each.textContent)).toEqual([
    "Onetwo",
    "three and four",
  ]);
});

test("a hidden tab, which has no animation frames, is painted by a timer", async () => {
  vi.spyOn(window, "requestAnimationFrame").mockReturnValue(1);
  const stage = new Stage();
  const { root } = stage.show();
  stage.send([START, text("Hello")]);
  await vi.waitFor(() => expect(root.textContent).toContain("Hello"), 5000);
});

test("many frames between two paints cost one paint", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("a"));
  let changes = 0;
  const observer = new MutationObserver(() => changes++);
  observer.observe(root, { childList: true, characterData: true, subtree: true });
  for (let i = 0; i < 50; i++) stage.send([text("a")]);
  await Promise.resolve();
  expect(changes).toBe(0);
  await painted();
  expect(changes).toBe(1);
  expect(part(root, "answer")?.textContent).toBe("a".repeat(51));
});

test("a view outside the document is left alone and catches up when it is back", async () => {
  const stage = new Stage();
  const { el, root } = stage.show();
  await stage.say(START, text("a"));
  el.remove();
  await stage.say(text("b"));
  await stage.say(text("c"), end());
  expect(part(root, "answer")?.textContent).toBe("a");
  document.body.append(el);
  await painted();
  await painted();
  expect(part(root, "answer")?.textContent).toBe("abc");
  expect(root.dataset.status).toBe("done");
});

test("one view's failure is not another's", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const root = document.body;
  const write = () => {
    throw new Error("broken");
  };
  const stage = new Stage();
  const view = stage.show();
  painter.request({ root, write, measure: () => {} });
  await stage.say(START, text("fine"));
  expect(view.root.textContent).toContain("fine");
  expect(errors).toHaveBeenCalled();
});

test("the caret stands to the left of what is read from the right", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("שלום עולם"));
  const caret = root.querySelector(".nbs-caret") as HTMLElement;
  const range = document.createRange();
  range.selectNodeContents(part(root, "answer")?.querySelector("p") as Node);
  expect(caret.getBoundingClientRect().right).toBeLessThan(range.getBoundingClientRect().left);
});

test("the caret stands behind the last character, in text as in code", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("Some words"));
  const caret = root.querySelector(".nbs-caret") as HTMLElement;
  const gap = () => {
    const range = document.createRange();
    const walker = document.createTreeWalker(part(root, "answer") as Node, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.textContent?.trim()) range.selectNodeContents(node);
    }
    const boxes = [...range.getClientRects()];
    return caret.getBoundingClientRect().left - (boxes.at(-1) as DOMRect).right;
  };
  expect(Math.abs(gap() - 3)).toBeLessThan(2);
  await stage.say(text("\n\n```py\nx = 1\nlonger = 2"));
  expect(Math.abs(gap() - 3)).toBeLessThan(2);
  await stage.say(end());
  expect(shown(caret)).toBe(false);
});

test("what comes after a quiet moment is painted in the next frame", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(START, text("a"));
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    stage.send([text(`${i}`)]);
    // Asked for after the view has asked: runs in the same frame, behind it.
    await new Promise((resolve) => requestAnimationFrame(resolve));
    expect(part(root, "answer")?.textContent).toBe(`a${"01234".slice(0, i + 1)}`);
  }
});
