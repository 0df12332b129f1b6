import { at, type Curve, curve, perDelta } from "../chart/curve";
import { type Drawing, draw } from "../chart/drawing";
import type { Plot, Values } from "../chart/plot";
import { h } from "../dom/element";
import { rate } from "../dom/format";
import type { LoadModule } from "../markdown";
import type { Connection } from "../run/connection";

type Table = [number[], ...Values[]];

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
  readonly node = h("div", { "data-part": "chart", class: "nbs-chart-place" });
  #plot: Plot | null = null;
  #joined: Drawing["joined"] | null = null;
  #connections: (Connection | null)[] = [];
  #times: number[] = [];
  #curves: Curve[] = [];

  constructor(
    private readonly names: string[],
    load: LoadModule,
  ) {
    draw(load, this.node, (drawing) => this.#build(drawing));
  }

  #build({ Plot, joined }: Drawing): void {
    const { names } = this;
    this.#joined = joined;
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
    this.node.classList.remove("nbs-chart-place");
    this.node.append(this.#plot.node, h("div", { class: "nbs-under" }, this.#plot.readout, legend));
    if (this.#connections.length > 0) this.write(this.#connections);
  }

  write(connections: (Connection | null)[]): void {
    this.#connections = connections;
    if (!this.#plot || !this.#joined) return;
    this.#curves = connections.map((each) => {
      if (!each) return { times: [], rate: [], total: [] };
      const { store } = each;
      const last = store.metrics?.elapsed ?? store.state.time;
      return curve(store.samples, store.ended ? last : store.now, perDelta(store));
    });
    const table = this.#joined(this.#curves.map(({ times, rate }): Table => [times, rate]));
    this.#times = table[0];
    this.#plot.set(table);
    const said = connections.map((each, i) => {
      const speed = each?.store.metrics?.tokens_per_second;
      return `${this.names[i]} ${speed == null ? "no rate yet" : `${rate(speed)} tokens per second`}`;
    });
    this.#plot.label = `Speed of ${this.names.length} streams: ${said.join(", ")}. Left and right arrows read values.`;
  }

  dispose(): void {
    this.#plot?.dispose();
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
