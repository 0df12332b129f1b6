import type { Usage } from "../../src/protocol/events";
import type { Part } from "../../src/run/parts";
import type { Store } from "../../src/run/store";

const USAGE_COUNTS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost",
] as const;

/** Plain values: the form the golden cases are written in (`Transcript.to_dict` in Python). */
export function toDict(store: Store): Record<string, unknown> {
  const state = store.state;
  return {
    status: state.status,
    run_id: state.run_id,
    model: state.model,
    provider: state.provider,
    title: state.title,
    text: store.text,
    parts: state.parts.map(partToDict),
    citations: state.citations.map(({ block, title, url, quote }) => ({
      block,
      title,
      url,
      quote,
    })),
    steps: state.steps.map((step) => ({ ...step, usage: counts(step.usage) })),
    flow: store.flow.map((step) => step.name),
    iteration: state.iteration,
    warnings: state.warnings.map((warning) => warning.message),
    retries: state.retries.map((retry) => retry.reason),
    stall: state.stall?.idle ?? null,
    usage: counts(store.usage),
    error: state.error && { kind: state.error.kind, message: state.error.message },
    finish_reason: state.finish_reason,
    provider_reason: state.provider_reason,
    incomplete: state.incomplete,
    raw_count: state.raw_count,
  };
}

function counts(usage: Usage | null): Record<string, unknown> | null {
  return usage && Object.fromEntries(USAGE_COUNTS.map((name) => [name, usage[name]]));
}

function partToDict(part: Part): Record<string, unknown> {
  if (part.kind === "media") return { ...part };
  if (part.kind === "tool") {
    const { input, ...rest } = part;
    return { ...rest, arguments_text: String(input) };
  }
  const { content, ...rest } = part;
  return { ...rest, text: String(content) };
}
