/** What the kernel's `stream.metrics` shows; times in seconds. What is not known is left out or null. */
export interface Metrics {
  ttft: number | null;
  elapsed: number | null;
  output_tokens: number;
  token_source: "provider" | "server" | "deltas" | "tokenizer" | "characters";
  tokens_per_second: number | null;
  current_rate?: number | null;
  ttfv?: number | null;
  input_tokens?: number | null;
  cost?: number | null;
  gap_p50?: number | null;
  gap_p95?: number | null;
  gap_p99?: number | null;
  gap_max?: number | null;
  decode_time?: number;
  tool_time?: number;
  deltas?: number;
  /** [start, seconds] of each wait of a second and more between two deltas. */
  stall_spans?: [number, number][];
  /** [bin, count] of the waits between deltas; bin b ends at 0.0001 × 1.25^b seconds. */
  gap_bins?: [number, number][];
  /** [step, number, start, first content, last content] of each request of the run. */
  iteration_spans?: [string, number, number, number | null, number | null][];
}
