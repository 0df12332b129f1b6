import { count } from "../dom/format";
import { GAP_BIN, GAP_GROWTH } from "../protocol/metrics";
import type { Store } from "../run/store";
import { Plot } from "./plot";

/** How long the waits between two deltas were. */
export class WaitsPlot {
  readonly plot: Plot;
  #bins: [number, number][] = [];

  constructor(private readonly store: Store) {
    this.plot = new Plot({
      series: [{ label: "waits", colour: "--nbs-c1", bars: true }],
      x: (bin) => time(edge(bin)),
      ticks: decades,
      y: (value) => (Number.isInteger(value) ? count(value) : ""),
      readout: (i) => {
        const [bin, n] = this.#bins[i] ?? [0, 0];
        return `${time(edge(bin - 1))} to ${time(edge(bin))} · ${count(n)} waits`;
      },
    });
  }

  write(): void {
    const bins = this.store.metrics?.gap_bins ?? [];
    const known = new Map(bins);
    const [first, last] = [(bins[0]?.[0] ?? 0) - 1, (bins.at(-1)?.[0] ?? 0) + 1];
    this.#bins = Array.from({ length: last - first + 1 }, (_, i) => [
      first + i,
      known.get(first + i) ?? 0,
    ]);
    this.plot.set([this.#bins.map(([bin]) => bin), this.#bins.map(([, n]) => n)]);
    const { gap_p50, gap_p99, gap_max } = this.store.metrics ?? {};
    this.plot.label =
      gap_p50 == null
        ? "Waits between tokens: none yet."
        : `Waits between tokens: half of them are shorter than ${time(gap_p50)}, ` +
          `99 percent shorter than ${time(gap_p99 ?? 0)}, the longest ${time(gap_max ?? 0)}.`;
  }
}

const LABEL = 56;

/** The places of 1, 2, 5, 10, … ms between two bins; of 1, 10, … ms where there is no room for more. */
function decades(from: number, to: number, width: number): number[] {
  const at = (steps: number[]) =>
    [...Array(9).keys()]
      .flatMap((power) => steps.map((step) => Math.log(step * 10 ** power) / Math.log(GAP_GROWTH)))
      .filter((place) => place >= from && place <= to);
  const all = at([1, 2, 5]);
  return all.length * LABEL <= width ? all : at([1]);
}

/** The upper end of a bin, in seconds. */
function edge(bin: number): number {
  return GAP_BIN * GAP_GROWTH ** bin;
}

export function time(value: number): string {
  if (value < 0.01) return `${Math.round(value * 1e4) / 10} ms`;
  return value < 0.9995 ? `${Math.round(value * 1000)} ms` : `${Math.round(value * 10) / 10} s`;
}
