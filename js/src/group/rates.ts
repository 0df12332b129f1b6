import uPlot from "uplot";
import { at, type Curve, curve } from "../chart/curve";
import { Plot, type Values } from "../chart/plot";
import { perDelta } from "../chart/speed";
import { h } from "../dom/element";
import { rate } from "../dom/format";
import type { Connection } from "../run/connection";

const COLOURS = ["--nbs-c1", "--nbs-c2", "--nbs-c3", "--nbs-c4", "--nbs-c5", "--nbs-c6"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 4]];

export function dashOf(place: number): number[] {
  return DASHES[place % DASHES.length] as number[];
}

export function colourOf(place: number): string {
  return COLOURS[place % COLOURS.length] as string;
}

/** The rates of several streams on one clock. */
export class RatesChart {
  readonly node = h("div", { "data-part": "chart" });
  #plot: Plot;
  #times: number[] = [];
  #curves: Curve[] = [];

  constructor(private readonly names: string[]) {
    this.#plot = new Plot({
      height: 170,
      series: names.map((label, i) => ({
        label,
        colour: colourOf(i),
        dash: dashOf(i),
      })),
      x: (value) => `${Math.round(value * 100) / 100} s`,
      readout: (i) => this.#say(i),
    });
    const keys = names.map((name, i) => {
      const key = h("span", { class: "nbs-key" }, name);
      key.style.setProperty("--nbs-key", `var(${colourOf(i)})`);
      return key;
    });
    const legend = h("div", { class: "nbs-keys", "aria-hidden": "true" }, "tok/s:", ...keys);
    this.node.append(this.#plot.node, h("div", { class: "nbs-under" }, this.#plot.readout, legend));
  }

  write(connections: (Connection | null)[]): void {
    this.#curves = connections.map((each) => {
      if (!each) return { times: [], rate: [], total: [] };
      const { store } = each;
      const last = store.metrics?.elapsed ?? store.state.time;
      return curve(store.samples, store.ended ? last : store.now, perDelta(store));
    });
    const tables = this.#curves.map(({ times, rate }) => [times, rate]);
    const joined = uPlot.join(tables as uPlot.AlignedData[]);
    this.#times = joined[0] as number[];
    this.#plot.set(joined as [number[], ...Values[]]);
    const said = connections.map((each, i) => {
      const speed = each?.store.metrics?.tokens_per_second;
      return `${this.names[i]} ${speed == null ? "no rate yet" : `${rate(speed)} tokens per second`}`;
    });
    this.#plot.label = `Speed of ${this.names.length} streams: ${said.join(", ")}. Left and right arrows read values.`;
  }

  dispose(): void {
    this.#plot.dispose();
  }

  #say(i: number): string {
    const time = this.#times[i];
    if (time === undefined) return "";
    const speeds = this.#curves.map(({ times, rate: rates }, n) => {
      const speed = time > (times.at(-1) ?? 0) + 0.2 ? null : at(times, rates, time);
      return speed === null ? "" : `${this.names[n]} ${rate(speed)}`;
    });
    return [`${time.toFixed(2)} s`, ...speeds.filter(Boolean)].join(" · ");
  }
}
