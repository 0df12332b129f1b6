import { count, rate, seconds } from "../dom/format";
import type { Part } from "../run/parts";
import type { Store } from "../run/store";
import { type Curve, curve, perDelta } from "./curve";
import { type Band, Plot } from "./plot";

/** Tokens a second and tokens so far over a run's time, with what it did meanwhile shaded. */
export class SpeedPlot {
  readonly plot: Plot;
  #curve: Curve = { times: [], rate: [], total: [] };

  constructor(private readonly store: Store) {
    this.plot = new Plot({
      series: [
        { label: "tok/s", colour: "--nbs-c1", fill: true },
        { label: "tokens", colour: "--nbs-muted", scale: "total", dash: [5, 4] },
      ],
      x: (value) => `${round(value)} s`,
      bands: () => bandsOf(store),
      readout: (i) => this.#say(i),
    });
  }

  write(): void {
    const { store } = this;
    const { times, rate, total } = this.#measure();
    const began: [number[], (number | null)[], number[]] = [[0], [null], [0]];
    const ttft = store.metrics?.ttft;
    if (ttft) {
      began[0].push(ttft);
      began[1].push(null);
      began[2].push(0);
    }
    const shown = times.filter((time) => time > (ttft ?? 0)).length;
    const from = times.length - shown;
    this.#curve = {
      times: [...began[0], ...times.slice(from)],
      rate: [...began[1], ...rate.slice(from)],
      total: [...began[2], ...total.slice(from)],
    };
    this.plot.set([this.#curve.times, this.#curve.rate, this.#curve.total]);
    this.plot.label = describe(store);
  }

  #measure(): Curve {
    const { store } = this;
    const last = store.metrics?.elapsed ?? store.state.time;
    return curve(store.samples, store.ended ? last : store.now, perDelta(store));
  }

  #say(i: number): string {
    const { times, rate: rates, total } = this.#curve;
    const time = times[i];
    if (time === undefined) return "";
    const now = bandsOf(this.store).filter(({ from, to, kind }) => {
      return kind !== "mark" && kind !== "step" && from <= time && time <= to;
    });
    const speed = rates[i];
    return [
      `${time.toFixed(2)} s`,
      ...(speed == null ? [] : [`${rate(speed)} tok/s`]),
      `${count(total[i] ?? 0)} tokens`,
      ...now.map((band) => band.label),
    ].join(" · ");
  }
}

export function bandsOf(store: Store): Band[] {
  const { metrics, state } = store;
  const bands: Band[] = [];
  for (const [, number, start, first] of metrics?.iteration_spans ?? []) {
    if (number > 1) bands.push({ kind: "step", from: start, to: start, label: "" });
    const to = first ?? (store.ended ? state.time : store.now);
    if (to > start) bands.push({ kind: "wait", from: start, to, label: "waiting" });
  }
  for (const part of state.parts) {
    const band = bandOf(part);
    if (band) bands.push(band);
  }
  for (const [from, length] of metrics?.stall_spans ?? []) {
    bands.push({ kind: "stall", from, to: from + length, label: `stall of ${seconds(length)}` });
  }
  const { still, now } = store;
  if (still > 0) bands.push({ kind: "stall", from: now - still, to: now, label: "stalled" });
  const first = metrics?.ttft;
  if (first != null) bands.push({ kind: "mark", from: first, to: first, label: "first token" });
  return bands;
}

function bandOf(part: Part): Band | null {
  if (part.kind === "thinking") {
    return { kind: "thinking", from: part.time, to: part.until, label: "thinking" };
  }
  if (part.kind === "tool") {
    return { kind: "tool", from: part.time, to: part.until, label: part.name || "tool" };
  }
  return null;
}

/** The chart in words. */
export function describe(store: Store): string {
  const { metrics } = store;
  if (metrics?.ttft == null) return "Speed chart: nothing has arrived yet.";
  const facts = [`first token after ${seconds(metrics.ttft)}`];
  if (metrics.tokens_per_second) {
    facts.push(`${rate(metrics.tokens_per_second)} tokens per second on average`);
  }
  facts.push(`${count(metrics.output_tokens)} tokens`);
  for (const [at, length] of metrics.stall_spans ?? []) {
    facts.push(`a stall of ${seconds(length)} at ${seconds(at)}`);
  }
  return `Speed chart: ${facts.join(", ")}. Left and right arrows read values.`;
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
