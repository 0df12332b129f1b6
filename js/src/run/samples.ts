/**
 * Tokens counted in equal bins of time, as Python's sampling sends them.
 *
 * A message is [width in ms, first bin, total, total, …]; a new width says everything anew.
 */
export class Samples {
  /** The width of a bin in milliseconds. */
  width = 0;
  counts: number[] = [];
  /** Goes up whenever something changed. */
  version = 0;

  apply([width = 0, first = 0, ...totals]: number[]): void {
    if (width !== this.width) {
      this.width = width;
      this.counts = [];
    }
    for (let i = this.counts.length; i < first; i++) this.counts.push(0);
    for (const [i, total] of totals.entries()) this.counts[first + i] = total;
    this.version += 1;
  }
}
