import {
  MediaPart,
  type Part,
  type Step,
  startStep,
  type TextEvent,
  type TextKind,
  TextPart,
  ToolPart,
  type ToolStatus,
  textKey,
} from "./parts";
import {
  type Citation,
  DEFAULTS,
  type Error as ErrorEvent,
  type FinishReason,
  type Retry,
  type Stall,
  type StreamEvent,
  type Usage,
  type Warning,
  type WireEvent,
} from "./protocol.gen";
import { Samples } from "./samples";

export type Status = "pending" | "running" | "done" | "stopped" | "error";

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

/**
 * What changed: one part was added or grew, the list of parts was made anew, or something else of the
 * transcript. Listeners only note it and read the store when they paint.
 */
export type Change = { kind: "part"; part: Part } | { kind: "parts" } | { kind: "head" };

/** A wait between two pieces that counts as a stall, in seconds; see nbstream/metrics.py. */
const STALL = 1;

const HEAD: Change = { kind: "head" };
const PARTS: Change = { kind: "parts" };

const USAGE_COUNTS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost",
] as const;

const AFTER_DECISION = {
  requested: "approval",
  approved: "running",
  denied: "denied",
  timeout: "denied",
} as const satisfies Record<string, ToolStatus>;

class State {
  status: Status = "pending";
  run_id = "";
  model = "";
  provider = "";
  title = "";
  parts: Part[] = [];
  citations: Citation[] = [];
  steps: Step[] = [];
  iteration = 0;
  warnings: Warning[] = [];
  retries: Retry[] = [];
  stall: Stall | null = null;
  error: ErrorEvent | null = null;
  finish_reason: FinishReason | null = null;
  provider_reason = "";
  incomplete = false;
  raw_count = 0;
  /** The time of the newest event, in seconds since the run began. */
  time = 0;
  usage_now = new Map<string, Usage>();
  usage_before: Usage | null = null;
  open = new Map<string, TextPart>();
  calls = new Map<string, ToolPart>();
}

/**
 * What a run has said so far: the same fold as nbstream/transcript.py, and who wants to know.
 *
 * `tests/golden/` holds cases that both must agree on.
 */
export class Store {
  metrics: Metrics | null = null;
  readonly samples = new Samples();
  /** When the newest event arrived here, on the clock of `performance.now()`. */
  arrived = 0;
  #state = new State();
  #listeners = new Set<(change: Change) => void>();

  get state(): Readonly<State> {
    return this.#state;
  }

  get ended(): boolean {
    return this.#state.finish_reason !== null;
  }

  /** Seconds since the run began, as far as one can tell here. */
  get now(): number {
    return this.#state.time + (performance.now() - this.arrived) / 1000;
  }

  /** How long the model has been silent in the middle of its text, in seconds; 0 where it is not. */
  get still(): number {
    const { parts, stall, time } = this.#state;
    const last = parts.at(-1);
    if (this.ended || (last?.kind !== "text" && last?.kind !== "thinking")) return 0;
    // Whatever came after the text, a request or a step, waits for something else.
    const speaking = stall !== null || last.until >= time;
    const still = this.now - last.until;
    return speaking && still >= STALL ? still : 0;
  }

  get usage(): Usage | null {
    let total = this.#state.usage_before;
    for (const usage of this.#state.usage_now.values()) total = addUsage(total, usage);
    return total;
  }

  /** The workflow's own steps, without those inside them and the agents that tools ask. */
  get flow(): Step[] {
    return this.#state.steps.filter((step) => step.step === "" && step.run === "");
  }

  /**
   * The answer so far: the first choice where there are several, the last step of a workflow. What is said
   * after a tool has run, the provider's or an agent's, is a paragraph of its own, and so is another message
   * of the same answer; all else is what the provider sent.
   */
  get text(): string {
    const nested = new Set(this.#state.steps.filter((s) => s.run !== "").map((s) => s.name));
    const parts = this.#state.parts.filter((part) => !nested.has(part.step) && speaks(part));
    const step = parts.findLast((part) => part.kind === "text")?.step;
    let text = "";
    let gap = false;
    let message = false;
    for (const part of parts) {
      if (part.step !== step) continue;
      if (part.kind === "tool") {
        gap ||= part.over;
        message ||= part.server_side;
      } else if (part.kind === "text") {
        if (part.paragraph) gap = message = true;
        const said = String(part.content);
        if (gap) text += paragraphBreak(text, said, message);
        text += said;
        if (said !== "") gap = message = false;
      }
    }
    return text;
  }

  subscribe(listener: (change: Change) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  apply(events: WireEvent[], metrics?: Metrics | null, samples?: number[]): void {
    for (const event of events) this.#notify(fold(this.#state, decode(event)));
    this.#settle(metrics, samples);
  }

  /** The whole run again from its first event: what is shown and still true stays. */
  restart(events: WireEvent[], metrics?: Metrics | null, samples?: number[]): void {
    this.#state = new State();
    for (const event of events) fold(this.#state, decode(event));
    this.#notify(PARTS);
    this.#settle(metrics, samples);
  }

  /** Something outside the transcript that views show has changed. */
  touch(): void {
    this.#notify(HEAD);
  }

  #settle(metrics?: Metrics | null, samples?: number[]): void {
    this.arrived = performance.now();
    if (samples) this.samples.apply(samples);
    if (metrics) {
      this.metrics = { ...this.metrics, ...metrics };
      this.#notify(HEAD);
    }
  }

  #notify(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const speaks = (part: Part) => part.kind === "tool" || (part.kind === "text" && part.choice === 0);

/** The event with its defaults filled in; an unknown type becomes `raw`. */
export function decode(event: WireEvent): StreamEvent {
  const type = Object.hasOwn(DEFAULTS, event.type) ? (event.type as StreamEvent["type"]) : null;
  const filled = type
    ? { ...DEFAULTS[type], ...event }
    : { ...DEFAULTS.raw, type: "raw", payload: event, source: "unknown event type" };
  return filled as unknown as StreamEvent;
}

function fold(state: State, event: StreamEvent): Change {
  state.time = Math.max(state.time, event.time, "until" in event ? event.until : 0);
  switch (event.type) {
    case "run_start":
      state.status = "running";
      state.run_id = event.run_id;
      state.model = event.model;
      state.provider = event.provider;
      state.title = event.title;
      return HEAD;
    case "step_start":
      state.steps.push(startStep(event));
      return PARTS;
    case "step_end": {
      const open = state.steps.findLast((s) => s.name === event.name && s.duration === null);
      if (open) {
        open.duration = event.duration || Math.max(event.time - open.time, 0);
        open.usage = wholeUsage(event.usage);
        open.finish_reason = event.finish_reason;
      }
      return PARTS;
    }
    case "iteration_start":
      state.iteration = event.iteration;
      return HEAD;
    case "iteration_end": {
      const latest = state.usage_now.get(event.step) ?? null;
      state.usage_before = addUsage(state.usage_before, wholeUsage(event.usage) ?? latest);
      state.usage_now.delete(event.step);
      return HEAD;
    }
    case "text_delta":
      return { kind: "part", part: grow(state, "text", event) };
    case "refusal_delta":
      return { kind: "part", part: grow(state, "refusal", event) };
    case "thinking_delta": {
      const part = grow(state, "thinking", event);
      part.signature += event.signature;
      part.redacted += event.redacted;
      return { kind: "part", part };
    }
    case "tool_call_start": {
      state.stall = null;
      const part = new ToolPart(event);
      state.calls.set(event.call_id, part);
      state.parts.push(part);
      return { kind: "part", part };
    }
    case "tool_call_delta":
      state.stall = null;
      return onCall(state, event.call_id, (part) => {
        part.input.append(event.arguments);
        part.until = event.until || event.time;
      });
    case "tool_call_end":
      return onCall(state, event.call_id, (part) => {
        part.status = event.error ? "error" : "called";
        part.arguments = event.arguments;
        part.error = event.error;
        part.until = event.time;
        beginTogether(state, event.time);
      });
    case "tool_approval":
      return onCall(state, event.call_id, (part) => {
        part.status = AFTER_DECISION[event.decision];
        part.begin(event.time);
      });
    case "tool_progress":
      return onCall(state, event.call_id, (part) => {
        part.status = "running";
        part.progress.push(event.content);
      });
    case "tool_result":
      return onCall(state, event.call_id, (part) => {
        if (part.status !== "denied") part.status = event.is_error ? "error" : "done";
        part.result = event.content;
        part.duration = event.duration;
        part.until = event.time;
      });
    case "content_part": {
      state.stall = null;
      const part = new MediaPart(event);
      state.parts.push(part);
      return { kind: "part", part };
    }
    case "citation":
      state.citations.push(event);
      return HEAD;
    case "usage":
      state.usage_now.set(event.step, event);
      return HEAD;
    case "retry":
      state.retries.push(event);
      return HEAD;
    case "reset":
      withdraw(state, (part) => part.block < event.block || part.step !== event.step);
      return PARTS;
    case "warning":
      state.warnings.push(event);
      return HEAD;
    case "stall":
      state.stall = event;
      return HEAD;
    case "error":
      state.error = event;
      return HEAD;
    case "raw":
      state.raw_count += 1;
      return HEAD;
    case "run_end":
      state.stall = null;
      state.finish_reason = event.finish_reason;
      state.provider_reason = event.provider_reason;
      state.incomplete = event.incomplete;
      state.status =
        event.finish_reason === "error" || event.finish_reason === "stopped"
          ? event.finish_reason
          : "done";
      return HEAD;
    default:
      event satisfies never;
      return HEAD;
  }
}

function grow(state: State, kind: TextKind, event: TextEvent): TextPart {
  state.stall = null;
  const key = textKey(kind, event);
  let part = state.open.get(key);
  if (part === undefined) {
    part = new TextPart(kind, event);
    state.open.set(key, part);
    state.parts.push(part);
  }
  part.until = event.until || event.time;
  part.content.append(event.text);
  return part;
}

function onCall(state: State, call_id: string, change: (part: ToolPart) => void): Change {
  const part = state.calls.get(call_id);
  if (part === undefined) return HEAD;
  change(part);
  return { kind: "part", part };
}

/** The calls of one answer run when the last of them is written. */
function beginTogether(state: State, time: number): void {
  for (let n = state.parts.length - 1; n >= 0; n -= 1) {
    const part = state.parts[n];
    if (part?.kind !== "tool" || part.status !== "called") return;
    part.begin(time);
  }
}

function withdraw(state: State, stays: (part: Part) => boolean): void {
  state.parts = state.parts.filter(stays);
  for (const [key, part] of state.open) if (!stays(part)) state.open.delete(key);
  for (const [key, part] of state.calls) if (!stays(part)) state.calls.delete(key);
}

function wholeUsage(usage: Usage | null): Usage | null {
  return usage && (decode({ ...usage, type: "usage" }) as Usage);
}

export function addUsage(a: Usage | null, b: Usage | null): Usage | null {
  if (a === null || b === null) return a ?? b;
  const sum = { ...(DEFAULTS.usage as unknown as Usage), estimated: a.estimated || b.estimated };
  for (const name of USAGE_COUNTS) {
    const [x, y] = [a[name], b[name]];
    sum[name] = x === null ? y : y === null ? x : x + y;
  }
  return sum;
}

/**
 * What divides two pieces of an answer between which something else happened. White space that is there
 * already is enough, but another message has an empty line before it.
 */
function paragraphBreak(before: string, after: string, message: boolean): string {
  if (before === "" || after === "") return "";
  if (!message) return /\S$/.test(before) && /^\S/.test(after) ? "\n\n" : "";
  const edge = `${/\s*$/.exec(before.slice(-32))?.[0]}${/^\s*/.exec(after.slice(0, 32))?.[0]}`;
  return "\n".repeat(Math.max(3 - edge.split("\n").length, 0));
}
