import { DEFAULTS, USAGE_COUNTS, type Usage } from "../protocol/events";

export function addUsage(a: Usage | null, b: Usage | null): Usage | null {
  if (a === null || b === null) return a ?? b;
  const sum = { ...(DEFAULTS.usage as unknown as Usage), estimated: a.estimated || b.estimated };
  for (const name of USAGE_COUNTS) {
    const [x, y] = [a[name], b[name]];
    sum[name] = x === null ? y : y === null ? x : x + y;
  }
  return sum;
}
