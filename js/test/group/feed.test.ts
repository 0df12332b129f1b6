import { expect, test } from "vitest";
import { type FeedView, chart as kindOf } from "../../src/group/feed";
import { table } from "../../src/group/rows";
import type { Widgets } from "../../src/host/kind";
import type { FromKernel } from "../../src/protocol/frames";
import { pixels, settled } from "../chart/canvas";
import { loadModule } from "../stage";
import { Traits } from "./traits";

const chart = kindOf(loadModule);
const widgets = null as unknown as Widgets;
const { signal } = new AbortController();
const say = (message: unknown) => message as FromKernel;

test("pushed points are drawn, named and read", async () => {
  const model = new Traits({ series: ["a", "b"], unit: "req/s", title: "Load", snapshot: [] });
  const kind = chart(model, widgets, signal);
  const view = kind.create() as FeedView;
  const box = document.createElement("div");
  box.style.width = "600px";
  document.body.append(box);
  box.append(view.root);
  view.arrive();
  expect(model.sent).toEqual([{ kind: "hello" }]);
  const points = Array.from({ length: 40 }, (_, i) => [i % 2, i / 10, i % 2 ? 5 : 20]);
  kind.receive?.(say({ kind: "points", points }));
  await settled();
  const canvas = box.querySelector("canvas") as HTMLCanvasElement;
  expect(pixels(canvas, [0, 114, 178]).count).toBeGreaterThan(300);
  expect(pixels(canvas, [192, 80, 0]).count).toBeGreaterThan(300);
  const plot = box.querySelector<HTMLElement>(".nbs-plot");
  plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  await settled();
  expect(box.querySelector("[data-part=readout]")?.textContent).toBe("3.90 s · b 5");
  kind.receive?.(say({ kind: "clear" }));
  await settled();
  expect(pixels(canvas, [0, 114, 178]).count).toBe(0);
});

test("a series that comes later gets its line", async () => {
  const model = new Traits({
    series: ["a"],
    unit: "x",
    title: "",
    snapshot: [
      [0, 0, 1],
      [0, 1, 2],
    ],
  });
  const view = chart(model, widgets, signal).create();
  document.body.append(view.root);
  view.arrive();
  await settled();
  expect(view.root.querySelectorAll(".nbs-key").length).toBe(1);
  model.change("series", ["a", "b"]);
  await settled();
  expect(view.root.querySelectorAll(".nbs-key").length).toBe(2);
  expect(view.root.querySelectorAll("canvas").length).toBe(1);
});

test("rows of figures, with what is estimated marked and what is unknown left out", async () => {
  const row = {
    name: "<a>",
    status: "running",
    ttft: 0.5,
    tokens_per_second: 98.7,
    output_tokens: 1234,
    cost: null,
    elapsed: null,
    token_source: "deltas",
    finish_reason: null,
  };
  const model = new Traits({ rows: [row] });
  const view = table(model, widgets, signal).create();
  document.body.append(view.root);
  view.arrive();
  await settled();
  const cells = () => [...view.root.querySelectorAll("tbody > tr > *")].map((c) => c.textContent);
  expect(cells()).toEqual(["<a>", "0.50 s", "~99", "~1,234", "", "", "running"]);
  const done = {
    ...row,
    cost: 0.0123,
    elapsed: 3,
    token_source: "provider",
    finish_reason: "stop",
  };
  model.change("rows", [done]);
  await settled();
  expect(cells()).toEqual(["<a>", "0.50 s", "99", "1,234", "$0.012", "3.0 s", "stop"]);
});
