import "./language";

import uPlot from "uplot";
import { h, setText } from "../dom/element";
import { Colours } from "./colours";

/** A line or a row of bars. `colour` is a CSS variable. */
export interface SeriesSpec {
  label: string;
  colour: string;
  scale?: "y" | "total";
  dash?: number[];
  fill?: boolean;
  bars?: boolean;
}

/** A stretch of the x axis that is shaded, or marked where it has no length. */
export interface Band {
  kind: "wait" | "thinking" | "tool" | "stall" | "mark" | "step";
  from: number;
  to: number;
  label: string;
}

export interface PlotSpec {
  series: SeriesSpec[];
  height?: number;
  /** How x and y values read on the axes. */
  x?: (value: number) => string;
  y?: (value: number) => string;
  bands?: () => Band[];
  /** Where the x axis has its labels between two values, in so many pixels; by default at round values. */
  ticks?: (from: number, to: number, width: number) => number[];
  /** What is said about place `i` of the data. */
  readout: (i: number) => string;
}

export type Values = (number | null)[];

const HEIGHT = 190;
const FONT = "11px system-ui, sans-serif";
const BAND_COLOURS: Record<Band["kind"], [string, number]> = {
  wait: ["--nbs-text", 0.05],
  thinking: ["--nbs-c4", 0.16],
  tool: ["--nbs-c2", 0.2],
  stall: ["--nbs-error", 0.22],
  mark: ["--nbs-ok", 0.9],
  step: ["--nbs-text", 0.25],
};

/** Tables with an x of their own as one with all. */
export function joined(tables: [number[], ...Values[]][]): [number[], ...Values[]] {
  return uPlot.join(tables as uPlot.AlignedData[]) as [number[], ...Values[]];
}

/** One uPlot with the page's colours, hover and keyboard reading, and shaded stretches. */
export class Plot {
  readonly node = h("div", { class: "nbs-plot", tabindex: "0", role: "img" });
  readonly readout = h("div", { class: "nbs-readout", "data-part": "readout", "aria-live": "off" });
  #colours = new Colours(this.node, () => this.#plot?.redraw(false, false));
  #plot: uPlot | null = null;
  #data: uPlot.AlignedData;
  #observer: ResizeObserver;

  constructor(private readonly spec: PlotSpec) {
    this.node.style.minHeight = `${spec.height ?? HEIGHT}px`;
    this.#data = [[], ...spec.series.map(() => [])] as unknown as uPlot.AlignedData;
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.node);
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.node.addEventListener("blur", () => this.readout.setAttribute("aria-live", "off"));
  }

  set label(text: string) {
    if (this.node.getAttribute("aria-label") !== text) this.node.setAttribute("aria-label", text);
  }

  /** x values first, then one row of values a series. */
  set(data: [number[], ...Values[]]): void {
    this.#data = data as uPlot.AlignedData;
    if (this.#plot) this.#plot.setData(this.#data);
    else this.#fit();
    this.#read();
  }

  /** Moves the cursor to an x value; null takes it away. */
  point(x: number | null): void {
    const left = x === null ? -10 : (this.#plot?.valToPos(x, "x") ?? -10);
    this.#plot?.setCursor({ left, top: 10 });
  }

  dispose(): void {
    this.#observer.disconnect();
    this.#colours.dispose();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #fit(): void {
    const width = Math.floor(this.node.clientWidth);
    if (width < 40) return;
    const height = this.spec.height ?? HEIGHT;
    if (this.#plot === null)
      this.#plot = new uPlot(this.#options(width, height), this.#data, this.node);
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height });
  }

  #options(width: number, height: number): uPlot.Options {
    const { series, x, y, ticks } = this.spec;
    const colours = this.#colours;
    const axis = (options: uPlot.Axis, format?: (value: number) => string): uPlot.Axis => ({
      font: FONT,
      stroke: () => colours.get("--nbs-muted"),
      grid: { stroke: () => colours.get("--nbs-text", 0.08), width: 1 },
      ticks: { show: false },
      ...(format ? { values: (_: uPlot, ticks: number[]) => ticks.map(format) } : {}),
      ...options,
    });
    const totals = series.some((each) => each.scale === "total");
    const upwards: uPlot.Scale = { range: (_, __, max) => [0, (max || 1) * 1.08] };
    return {
      width,
      height,
      pxAlign: 0,
      legend: { show: false },
      padding: [8, totals ? 4 : 12, 0, 4],
      scales: {
        x: { time: false, range: (_, min, max) => (min === max ? [min, min + 1] : [min, max]) },
        y: upwards,
        ...(totals ? { total: upwards } : {}),
      },
      axes: [
        axis(
          {
            size: 26,
            gap: 6,
            ...(ticks ? { splits: ({ width }, _, from, to) => ticks(from, to, width) } : {}),
          },
          x,
        ),
        axis({ size: 44, gap: 4 }, y),
        ...(totals
          ? [axis({ scale: "total", side: 1, size: 48, gap: 4, grid: { show: false } })]
          : []),
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      series: [
        {},
        ...series.map(
          (each): uPlot.Series => ({
            label: each.label,
            scale: each.scale ?? "y",
            stroke: () => colours.get(each.colour),
            width: each.bars ? 0 : 2,
            points: { show: false },
            spanGaps: false,
            ...(each.dash ? { dash: each.dash } : {}),
            ...(each.fill || each.bars
              ? { fill: () => colours.get(each.colour, each.bars ? 0.75 : 0.14) }
              : {}),
            ...(each.bars && uPlot.paths.bars
              ? { paths: uPlot.paths.bars({ size: [0.9, 60], radius: 0.15 }) }
              : {}),
          }),
        ),
      ],
      hooks: { drawClear: [(plot) => this.#shade(plot)], setCursor: [() => this.#read()] },
    };
  }

  /** Bands lie behind everything else. */
  #shade(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const band of this.spec.bands?.() ?? []) {
      const [variable, opacity] = BAND_COLOURS[band.kind];
      const from = plot.valToPos(band.from, "x", true);
      const to = plot.valToPos(band.to, "x", true);
      ctx.fillStyle = this.#colours.get(variable, opacity);
      if (band.kind === "mark" || band.kind === "step") {
        const thickness = (band.kind === "mark" ? 2 : 1) * devicePixelRatio;
        ctx.fillRect(from - thickness / 2, bbox.top, thickness, bbox.height);
      } else ctx.fillRect(from, bbox.top, Math.max(to - from, 1), bbox.height);
      if (band.kind === "stall") this.#hatch(plot, from, to);
    }
    ctx.restore();
  }

  /** A stall is told by more than its colour. */
  #hatch({ ctx, bbox }: uPlot, from: number, to: number): void {
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, bbox.top, Math.max(to - from, 1), bbox.height);
    ctx.clip();
    ctx.strokeStyle = this.#colours.get("--nbs-error", 0.5);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    const step = 7 * devicePixelRatio;
    for (let x = from - bbox.height; x < to; x += step) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  #read(): void {
    const place = this.#plot?.cursor.idx;
    setText(this.readout, place == null ? "" : this.spec.readout(place));
  }

  #key(event: KeyboardEvent): void {
    const plot = this.#plot;
    const last = (this.#data[0]?.length ?? 0) - 1;
    if (plot === null || last < 0) return;
    const now = plot.cursor.idx ?? null;
    const step = Math.max(1, Math.round(last / 40));
    let place: number;
    if (event.key === "ArrowRight") place = now === null ? 0 : Math.min(now + step, last);
    else if (event.key === "ArrowLeft") place = now === null ? last : Math.max(now - step, 0);
    else if (event.key === "Home") place = 0;
    else if (event.key === "End") place = last;
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.readout.setAttribute("aria-live", "polite");
    this.point(this.#data[0][place] as number);
  }
}
