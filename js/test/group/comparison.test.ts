import { beforeEach, expect, test } from "vitest";
import { widgetKinds } from "../../src/entries/kinds";
import type { Widget } from "../../src/host/hub";
import { Registry } from "../../src/host/registry";
import type { WireEvent } from "../../src/protocol/events";
import type { FromKernel } from "../../src/protocol/frames";
import type { Model } from "../../src/run/model";
import { pixels, settled } from "../chart/canvas";
import { FakeModel } from "../fake_model";
import { loadModule } from "../stage";
import { Traits } from "./traits";

const START: WireEvent = { type: "run_start", run_id: "r", model: "m" };
const END: WireEvent = { type: "run_end", finish_reason: "stop", time: 2.5 };
const registry = new Registry(document, widgetKinds(loadModule));

let uids = 0;

function register(model: unknown): Widget {
  const widget: Widget = {
    model: model as Model,
    signal: new AbortController().signal,
    early: [],
    views: [],
    receive: () => {},
    show: () => {},
  };
  registry.add(widget);
  return widget;
}

class Lane {
  readonly model = new FakeModel({ uid: `lane-${++uids}`, options: { chart: false } });
  #widget = register(this.model);
  #n = 0;

  /** One frame: the answer, its speed in tokens a second for two seconds, and its end. */
  async say(answer: string, speed: number, ...last: WireEvent[]): Promise<void> {
    const metrics = {
      ttft: 0.5,
      elapsed: 2.5,
      output_tokens: speed * 2,
      deltas: speed * 2,
      token_source: "provider" as const,
      tokens_per_second: speed,
    };
    const samples = [50, 0, ...Array(10).fill(0), ...Array(40).fill(speed / 20)];
    const text = { type: "text_delta", block: 0, text: answer, time: 1 };
    const message: FromKernel = {
      kind: "frame",
      n: ++this.#n,
      events: [START, text, ...(last.length ? last : [END])],
      metrics,
      samples,
    };
    this.#widget.receive(message);
    await settled();
  }
}

let lanes: Lane[];
let model: Traits;
let root: HTMLElement;

beforeEach(async () => {
  document.body.replaceChildren();
  lanes = [new Lane(), new Lane()];
  model = new Traits({
    kind: "group",
    uid: `group-${++uids}`,
    names: ["alpha", "beta"],
    panes: lanes.map((lane) => lane.model.traits.uid),
    winner: -1,
  });
  const el = document.createElement("div");
  el.style.width = "900px";
  document.body.append(el);
  register(model).show(el, new AbortController().signal);
  root = el.querySelector(".nbstream-group") as HTMLElement;
  await settled();
});

const panes = () => [...root.querySelectorAll<HTMLElement>(".nbs-pane")];
const click = (action: string, n = 0) =>
  root.querySelectorAll<HTMLElement>(`[data-action="${action}"]`)[n]?.click();
const cells = (row: number) =>
  [...root.querySelectorAll(`tbody tr:nth-child(${row}) > *`)].map((cell) => cell.textContent);

test("panes side by side, one chart with a line each, a row each", async () => {
  expect(root.dataset.status).toBe("running");
  await lanes[0]?.say("first answer", 100);
  await lanes[1]?.say("second answer", 40);
  expect(root.dataset.status).toBe("done");
  expect(panes().map((pane) => pane.querySelector("[data-part=answer]")?.textContent)).toEqual([
    "first answer",
    "second answer",
  ]);
  const [left, right] = panes().map((pane) => pane.getBoundingClientRect());
  expect(right?.left).toBeGreaterThanOrEqual(left?.right ?? 0);
  const charts = root.querySelectorAll("[data-part=chart] canvas");
  expect(charts.length).toBe(1);
  const canvas = charts[0] as HTMLCanvasElement;
  expect(pixels(canvas, [0, 114, 178]).count).toBeGreaterThan(200);
  expect(pixels(canvas, [192, 80, 0]).count).toBeGreaterThan(100);
  expect(cells(1)).toEqual(["alpha", "0.50 s", "100", "200", "", "2.5 s", "stop"]);
  expect([...root.querySelectorAll<HTMLElement>("thead th")].map((head) => head.hidden)).toEqual(
    // Nobody knows what it cost.
    [false, false, false, false, true, false, false],
  );
  expect(root.querySelector("tbody tr:first-child .nbs-best:nth-child(3)")).not.toBeNull();
});

test("stacked when narrow", async () => {
  (root.parentElement as HTMLElement).style.width = "420px";
  const [left, right] = panes().map((pane) => pane.getBoundingClientRect());
  expect(right?.top).toBeGreaterThanOrEqual(left?.bottom ?? 0);
});

test("hover reads every stream at once", async () => {
  await lanes[0]?.say("a", 100);
  await lanes[1]?.say("b", 40);
  const plot = root.querySelector<HTMLElement>(".nbs-plot");
  plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  await settled();
  expect(root.querySelector("[data-part=readout]")?.textContent).toBe(
    "2.50 s · alpha 100 · beta 40",
  );
});

test("a failure stays in its pane", async () => {
  await lanes[0]?.say("whole", 100);
  const error = { type: "error", kind: "connect", message: "the server went away" };
  await lanes[1]?.say("half", 400, error as WireEvent, { ...END, finish_reason: "error" });
  expect(panes().map((pane) => pane.querySelector("[data-part=error]") !== null)).toEqual([
    false,
    true,
  ]);
  expect(cells(2).at(-1)).toBe("error");
  expect(root.querySelectorAll(".nbs-best").length).toBe(0);
});

test("picking a winner and asking one again are the kernel's to do", async () => {
  await lanes[0]?.say("a", 100);
  await lanes[1]?.say("b", 40);
  click("winner", 1);
  click("rerun", 0);
  expect(model.sent).toEqual([
    { kind: "winner", index: 1 },
    { kind: "rerun", index: 0 },
  ]);
  model.change("winner", 1);
  await settled();
  expect(panes().map((pane) => pane.classList.contains("nbs-winner"))).toEqual([false, true]);
  const again = new Lane();
  model.change("panes", [again.model.traits.uid, lanes[1]?.model.traits.uid]);
  await again.say("another answer", 80);
  expect(panes()[0]?.querySelector("[data-part=answer]")?.textContent).toBe("another answer");
  expect(cells(1)[2]).toBe("80");
});

test("differences word by word", async () => {
  await lanes[0]?.say("the cat sat on the mat", 100);
  await lanes[1]?.say("the dog sat on the <b>mat</b>", 40);
  click("diff");
  const node = panes()[1]?.querySelector("[data-part=difference]");
  expect(
    [...(node?.querySelectorAll(":scope > del") ?? [])].map((each) => each.textContent),
  ).toEqual(["cat"]);
  expect(node?.querySelector(":scope > ins")?.textContent).toBe("dog");
  expect(node?.querySelector(".nbs-note")?.textContent).toContain("only in alpha");
  expect(node?.querySelector("b")).toBeNull();
  expect(panes()[0]?.querySelector("[data-part=difference]")).toBeNull();
  click("diff");
  expect(root.querySelector("[data-part=difference]")).toBeNull();
});

test("a pane whose widget comes later is filled then", async () => {
  const late = `lane-${uids + 2}`;
  model.change("panes", [late, lanes[1]?.model.traits.uid]);
  uids += 1;
  const lane = new Lane();
  expect(lane.model.traits.uid).toBe(late);
  await lane.say("here I am", 50);
  expect(panes()[0]?.querySelector("[data-part=answer]")?.textContent).toBe("here I am");
});
