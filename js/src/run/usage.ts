import { DEFAULTS, type Usage } from "../protocol/events";

const USAGE_COUNTS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost",
] as const;

export function addUsage(a: Usage | null, b: Usage | null): Usage | null {
  if (a === null || b === null) return a ?? b;
  const sum = { ...(DEFAULTS.usage as unknown as Usage), estimated: a.estimated || b.estimated };
  for (const name of USAGE_COUNTS) {
    const [x, y] = [a[name], b[name]];
    sum[name] = x === null ? y : y === null ? x : x + y;
  }
  return sum;
}
