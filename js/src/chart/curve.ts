import type { Samples } from "../run/samples";
import type { Store } from "../run/store";

/** What a rate is averaged over, in seconds. */
const WINDOW = 0.5;

export interface Curve {
  /** Seconds since the run began. */
  times: number[];
  /** Tokens a second over the last half second; null before there is a rate. */
  rate: (number | null)[];
  /** Tokens so far. */
  total: number[];
}

/**
 * A run's speed from its samples, up to `until` seconds. `perDelta` is what one counted delta stands for, in
 * tokens. The wait for the first token is no rate of zero: it is none.
 */
export function curve(
  samples: Pick<Samples, "width" | "counts">,
  until: number,
  perDelta = 1,
): Curve {
  const width = samples.width / 1000;
  const { counts } = samples;
  const first = counts.findIndex((count) => count > 0);
  const result: Curve = { times: [], rate: [], total: [] };
  if (first < 0 || width === 0) return result;
  const began = first * width;
  const bins = Math.max(counts.length, Math.floor(until / width));
  const back = Math.max(Math.round(WINDOW / width), 2);
  const sums = [0];
  for (let i = first; i < bins; i++) {
    sums.push((sums.at(-1) as number) + (counts[i] ?? 0));
    const n = sums.length - 1;
    const end =
      i + 1 === bins ? Math.max(Math.min(until, (i + 1) * width), i * width) : (i + 1) * width;
    const seconds = Math.min(end - began, back * width - ((i + 1) * width - end));
    const tokens = (sums[n] as number) - (sums[Math.max(n - back, 0)] as number);
    result.times.push(end);
    result.total.push((sums[n] as number) * perDelta);
    // Two bins at least: what is in the first says when it began, not how fast it goes.
    result.rate.push(n < 2 || seconds <= 0 ? null : (tokens * perDelta) / seconds);
  }
  return result;
}

/** The total of `curve` at a time, for what only has the time. */
export function at(times: number[], values: (number | null)[], time: number): number | null {
  const place = times.findLastIndex((each) => each <= time);
  return place < 0 ? null : (values[place] ?? null);
}

/** What one delta stands for, in tokens. */
export function perDelta({ metrics }: Store): number {
  return metrics?.deltas ? metrics.output_tokens / metrics.deltas : 1;
}
