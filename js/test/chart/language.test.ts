import { afterEach, expect, test, vi } from "vitest";
import type { draw } from "../../src/chart/drawing";
import type * as Module from "../../src/chart/module";
import { painted, START, Stage, text } from "../stage";
import { pixels, settled } from "./canvas";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

/** A page of its own, in which nothing is loaded yet, and whose browser says this language. */
async function pageOf(language: string): Promise<Window & typeof globalThis> {
  const frame = document.createElement("iframe");
  frame.style.width = "700px";
  document.body.append(frame);
  const page = frame.contentWindow as Window & typeof globalThis;
  Object.defineProperty(page.navigator, "language", { value: language, configurable: true });
  return page;
}

test.each(["C", "en-US@posix", "", "de_DE", "de-DE"])(
  "a page whose language is %j",
  async (language) => {
    const page = await pageOf(language);
    const url = new URL("../../src/chart/module.ts", import.meta.url).href;
    const script = page.document.createElement("script");
    script.type = "module";
    script.textContent = `
    import { Plot } from ${JSON.stringify(url)};
    const plot = new Plot({ series: [{ label: "a", colour: "--nbs-c1" }], readout: () => "" });
    plot.node.style.setProperty("--nbs-c1", "rgb(0, 114, 178)");
    document.body.append(plot.node);
    plot.set([[0, 1, 2], [1000, 2000, 3000]]);
  `;
    page.document.body.append(script);
    await vi.waitFor(() => expect(page.document.querySelector("canvas")).not.toBeNull(), 10_000);
    await settled();
    const canvas = page.document.querySelector("canvas") as HTMLCanvasElement;
    expect(pixels(canvas, [0, 114, 178]).count).toBeGreaterThan(50);
    expect(page.navigator.language).toBe(language);
  },
);

test("a chart that cannot be loaded is said, and logged as what it is", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const failure = new RangeError("Incorrect locale information provided");
  const url = new URL("../../src/chart/drawing.ts?fresh", import.meta.url).href;
  const fresh = (await import(/* @vite-ignore */ url)) as { draw: typeof draw };
  const place = document.createElement("div");
  const work = vi.fn<(drawing: typeof Module) => void>();
  fresh.draw(() => Promise.reject(failure), place, work);
  await settled();
  expect(place.textContent).toBe("The chart cannot be drawn.");
  expect(work).not.toHaveBeenCalled();
  expect(log.mock.calls.flat()).toContain(failure);
  const stage = new Stage({ options: { chart: "open" } });
  const { root } = stage.show();
  stage.send([START, text("Hello")]);
  await painted();
  expect(root.textContent).toContain("Hello");
});
