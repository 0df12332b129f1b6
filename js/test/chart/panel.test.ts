import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChartPanel } from "../../src/chart/panel";
import type { WireEvent } from "../../src/protocol/events";
import type { Figures } from "../../src/protocol/metrics";
import { Store } from "../../src/run/store";
import { END, METRICS, pixels, START, settled } from "./canvas";
import "../stage";

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  root.className = "nbstream";
  root.style.width = "700px";
  document.body.append(root);
});

afterEach(() => root.remove());

function run(events: WireEvent[] = [], metrics: Partial<Figures> = {}): Store {
  const store = new Store();
  // 0.5 s of waiting, then 100 deltas a second for two seconds.
  const samples = [50, 0, ...Array(10).fill(0), ...Array(40).fill(5)];
  store.apply([START, ...events, END], { ...METRICS, ...metrics }, samples);
  return store;
}

async function open(store: Store): Promise<ChartPanel> {
  const panel = new ChartPanel(store);
  root.append(panel.node);
  panel.write(true);
  await settled();
  return panel;
}

const canvas = () => root.querySelector("[data-part=chart] canvas") as HTMLCanvasElement;
const readout = () => root.querySelector("[data-part=readout]")?.textContent ?? "";
const tab = (view: string) => root.querySelector<HTMLElement>(`[data-view=${view}]`);

describe("the speed chart", () => {
  test("draws the rate in its colour, over the time it took", async () => {
    await open(run());
    const blue = pixels(canvas(), [0, 114, 178]);
    expect(blue.count).toBeGreaterThan(500);
    expect(blue.right - blue.left).toBeGreaterThan(canvas().width * 0.5);
  });

  test.each([
    ["light", [0, 114, 178]],
    ["dark", [86, 180, 233]],
  ] as const)("follows the theme: %s", async (scheme, colour) => {
    root.style.colorScheme = scheme;
    await open(run());
    expect(pixels(canvas(), [...colour]).count).toBeGreaterThan(500);
  });

  test("a theme that changes is followed at once", async () => {
    await open(run());
    root.style.colorScheme = "dark";
    document.body.setAttribute("data-test-theme", "dark");
    await settled();
    expect(pixels(canvas(), [86, 180, 233]).count).toBeGreaterThan(500);
    document.body.removeAttribute("data-test-theme");
  });

  test("is as sharp as the screen", async () => {
    await open(run());
    expect(canvas().width).toBe(Math.round(canvas().clientWidth * devicePixelRatio));
  });

  test("marks the first token and hatches a stall", async () => {
    const plain = await open(run());
    const before = pixels(canvas(), [204, 58, 58], 60).count;
    plain.dispose();
    await open(run([], { stall_spans: [[1, 1.2]] }));
    expect(pixels(canvas(), [204, 58, 58], 60).count).toBeGreaterThan(before + 300);
    expect(pixels(canvas(), [46, 125, 50], 40).count).toBeGreaterThan(100);
  });

  test("shades thinking and tools where they were", async () => {
    const events: WireEvent[] = [
      { type: "thinking_delta", block: 0, text: "hm", time: 0.5, until: 1.0, count: 50 },
      { type: "tool_call_start", block: 1, call_id: "c", name: "look", time: 1.2 },
      { type: "tool_result", call_id: "c", content: "x", duration: 0.6, time: 1.8 },
    ];
    await open(run(events));
    const plot = root.querySelector(".u-over") as HTMLElement;
    const at = async (time: number) => {
      point(plot, time / 2.5);
      await settled();
      return readout();
    };
    expect(await at(0.75)).toContain("thinking");
    expect(await at(1.5)).toContain("look");
    expect(await at(2.2)).not.toContain("look");
  });

  test("hover reads the values of the schedule", async () => {
    await open(run());
    point(root.querySelector(".u-over") as HTMLElement, 0.8);
    await settled();
    expect(readout()).toBe("2.00 s · 100 tok/s · 150 tokens");
  });

  test("the keyboard reads them too, aloud", async () => {
    await open(run());
    const plot = root.querySelector<HTMLElement>(".nbs-plot");
    plot?.focus();
    plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
    await settled();
    expect(readout()).toBe("2.50 s · 100 tok/s · 200 tokens");
    expect(root.querySelector("[data-part=readout]")?.getAttribute("aria-live")).toBe("polite");
    plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
    await settled();
    expect(Number.parseFloat(readout())).toBeLessThan(2.5);
  });

  test("says in words what it shows", async () => {
    await open(run([], { stall_spans: [[1, 1.2]] }));
    const label = root.querySelector(".nbs-plot")?.getAttribute("aria-label");
    expect(label).toContain("first token after 0.50 s");
    expect(label).toContain("100 tokens per second");
    expect(label).toContain("a stall of 1.2 s at 1.0 s");
  });

  test("resizes with the cell", async () => {
    await open(run());
    const before = canvas().clientWidth;
    root.style.width = "400px";
    await settled();
    expect(canvas().clientWidth).toBeLessThan(before - 200);
    expect(pixels(canvas(), [0, 114, 178]).count).toBeGreaterThan(200);
  });
});

test("the histogram has a bar for every length of wait", async () => {
  const store = run([], {
    gap_bins: [
      [19, 30],
      [20, 150],
      [21, 19],
    ],
  });
  await open(store);
  tab("waits")?.click();
  await settled();
  expect(pixels(canvas(), [0, 114, 178]).count).toBeGreaterThan(2000);
  const plot = root.querySelector<HTMLElement>(".nbs-plot");
  plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
  for (let i = 0; i < 2; i++) {
    plot?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  }
  await settled();
  expect(readout()).toBe("6.9 ms to 8.7 ms · 150 waits");
});

test("the timeline lists requests and tools", async () => {
  const events: WireEvent[] = [
    { type: "tool_call_start", block: 1, call_id: "c", name: "look", time: 1 },
    { type: "tool_result", call_id: "c", content: "x", duration: 1, time: 2 },
  ];
  const spans: Figures["iteration_spans"] = [
    ["", 1, 0, 0.5, 1],
    ["", 2, 2, 2.2, 2.5],
  ];
  await open(run(events, { iteration_spans: spans }));
  tab("timeline")?.click();
  const rows = [...root.querySelectorAll(".nbs-timeline [role=listitem]")].map((row) =>
    row.getAttribute("aria-label"),
  );
  expect(rows).toEqual([
    "request 1, waiting: 0.50 s, from 0.00 s on",
    "request 1: 0.50 s, from 0.50 s on",
    "look: 1.0 s, from 1.0 s on",
    "request 2, waiting: 0.20 s, from 2.0 s on",
    "request 2: 0.30 s, from 2.2 s on",
  ]);
});

function point(over: HTMLElement, share: number): void {
  const box = over.getBoundingClientRect();
  const where = { clientX: box.left + box.width * share, clientY: box.top + 20, bubbles: true };
  over.dispatchEvent(new MouseEvent("mouseenter", where));
  over.dispatchEvent(new MouseEvent("mousemove", where));
}
