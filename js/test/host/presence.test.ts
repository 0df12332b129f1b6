import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { end, START, Stage, text } from "../stage";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** An element in another, of a class. */
function within(parent: Element, name: string): HTMLElement {
  const el = document.createElement("div");
  el.className = name;
  parent.append(el);
  return el;
}

const noticed = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** A running stream that is shown in a cell of a notebook. */
async function shown() {
  const notebook = within(document.body, "jp-Notebook");
  const cell = within(notebook, "jp-Cell");
  const stage = new Stage();
  const view = stage.show(cell);
  stage.send([START, text("a")]);
  await noticed();
  const said = () => stage.model.sent.map(({ kind }) => kind).filter((kind) => kind !== "hello");
  return { notebook, cell, stage, view, said };
}

async function wait(milliseconds: number): Promise<void> {
  await noticed();
  vi.advanceTimersByTime(milliseconds);
  await noticed();
}

test("a stream whose cell is deleted is unseen, and seen when a view comes back", async () => {
  const { notebook, cell, stage, said } = await shown();
  cell.remove();
  await wait(4900);
  expect(said()).toEqual([]);
  await wait(200);
  expect(said()).toEqual(["unseen"]);
  within(document.body, "another change");
  await wait(20_000);
  stage.model.say({ kind: "seen" });
  expect(said()).toEqual(["unseen"]);
  notebook.append(cell);
  await noticed();
  expect(said()).toEqual(["unseen", "watch"]);
  stage.model.say({ kind: "seen" });
  expect(said()).toEqual(["unseen", "watch", "watch"]);
});

test("an output that is cleared, or made anew, is seen again in time or not at all", async () => {
  const { cell, stage, view, said } = await shown();
  view.remove();
  await wait(3000);
  const again = stage.show(cell);
  await wait(20_000);
  expect(said()).toEqual([]);
  again.remove();
  await wait(6000);
  expect(said()).toEqual(["unseen"]);
});

test("one view of two is enough", async () => {
  const { cell, stage, view, said } = await shown();
  const other = stage.show(within(cell.parentElement as Element, "jp-Cell"));
  await noticed();
  view.remove();
  await wait(20_000);
  expect(said()).toEqual([]);
  other.remove();
  await wait(6000);
  expect(said()).toEqual(["unseen"]);
});

test("a notebook that is closed or out of sight takes nothing away", async () => {
  const closed = await shown();
  closed.notebook.remove();
  const folded = await shown();
  folded.view.remove();
  within(folded.cell, "jp-OutputPlaceholder");
  const hidden = await shown();
  hidden.notebook.style.display = "none";
  const elsewhere = new Stage();
  const view = elsewhere.show();
  elsewhere.send([START]);
  await noticed();
  view.remove();
  const over = await shown();
  over.stage.send([end()]);
  over.cell.remove();
  await wait(60_000);
  for (const { said } of [closed, folded, hidden, over]) expect(said()).toEqual([]);
  expect(elsewhere.model.sent.some(({ kind }) => kind === "unseen")).toBe(false);
});

test("in a tab that is hidden the time does not run out", async () => {
  const { cell, said } = await shown();
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  cell.remove();
  await wait(60_000);
  expect(said()).toEqual([]);
  hidden.mockReturnValue(false);
  await wait(6000);
  expect(said()).toEqual(["unseen"]);
});
