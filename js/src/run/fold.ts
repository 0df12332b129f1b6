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
} from "../protocol/events";
import type { Status, ToolStatus } from "../protocol/traits";
import {
  MediaPart,
  type Part,
  type Step,
  startStep,
  type TextEvent,
  type TextKind,
  TextPart,
  ToolPart,
  textKey,
} from "./parts";
import { addUsage } from "./usage";

/**
 * What changed: one part was added or grew, the list of parts was made anew, or something else of the
 * transcript. Listeners only note it and read the store when they paint.
 */
export type Change = { kind: "part"; part: Part } | { kind: "parts" } | { kind: "head" };

export const HEAD: Change = { kind: "head" };
export const PARTS: Change = { kind: "parts" };

const AFTER_DECISION = {
  requested: "approval",
  approved: "running",
  denied: "denied",
  timeout: "denied",
} as const satisfies Record<string, ToolStatus>;

/** What a run has said so far: Python's Transcript, field by field. */
export class Transcript {
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

/** The event with its defaults filled in; an unknown type becomes `raw`. */
export function decode(event: WireEvent): StreamEvent {
  const type = Object.hasOwn(DEFAULTS, event.type) ? (event.type as StreamEvent["type"]) : null;
  const filled = type
    ? { ...DEFAULTS[type], ...event }
    : { ...DEFAULTS.raw, type: "raw", payload: event, source: "unknown event type" };
  return filled as unknown as StreamEvent;
}

/** Adds an event to what was said: Python's fold, step by step; `tests/golden/` holds both to one another. */
export function fold(transcript: Transcript, event: StreamEvent): Change {
  transcript.time = Math.max(transcript.time, event.time, "until" in event ? event.until : 0);
  switch (event.type) {
    case "run_start":
      transcript.status = "running";
      transcript.run_id = event.run_id;
      transcript.model = event.model;
      transcript.provider = event.provider;
      transcript.title = event.title;
      return HEAD;
    case "step_start":
      transcript.steps.push(startStep(event));
      return PARTS;
    case "step_end": {
      const open = transcript.steps.findLast((s) => s.name === event.name && s.duration === null);
      if (open) {
        open.duration = event.duration || Math.max(event.time - open.time, 0);
        open.usage = wholeUsage(event.usage);
        open.finish_reason = event.finish_reason;
      }
      return PARTS;
    }
    case "iteration_start":
      transcript.iteration = event.iteration;
      return HEAD;
    case "iteration_end": {
      const latest = transcript.usage_now.get(event.step) ?? null;
      transcript.usage_before = addUsage(
        transcript.usage_before,
        wholeUsage(event.usage) ?? latest,
      );
      transcript.usage_now.delete(event.step);
      return HEAD;
    }
    case "text_delta":
      return { kind: "part", part: grow(transcript, "text", event) };
    case "refusal_delta":
      return { kind: "part", part: grow(transcript, "refusal", event) };
    case "thinking_delta": {
      const part = grow(transcript, "thinking", event);
      part.signature += event.signature;
      part.redacted += event.redacted;
      return { kind: "part", part };
    }
    case "tool_call_start": {
      transcript.stall = null;
      const part = new ToolPart(event);
      transcript.calls.set(event.call_id, part);
      transcript.parts.push(part);
      return { kind: "part", part };
    }
    case "tool_call_delta":
      transcript.stall = null;
      return onCall(transcript, event.call_id, (part) => {
        part.input.append(event.arguments);
        part.until = event.until || event.time;
      });
    case "tool_call_end":
      return onCall(transcript, event.call_id, (part) => {
        part.status = event.error ? "error" : "called";
        part.arguments = event.arguments;
        part.error = event.error;
        part.until = event.time;
        beginTogether(transcript, event.time);
      });
    case "tool_approval":
      return onCall(transcript, event.call_id, (part) => {
        part.status = AFTER_DECISION[event.decision];
        part.approval_id = event.approval_id || part.approval_id;
        part.preview = event.arguments_text || part.preview;
        part.begin(event.time);
      });
    case "tool_progress":
      return onCall(transcript, event.call_id, (part) => {
        part.status = "running";
        part.progress.push(event.content);
      });
    case "tool_result":
      return onCall(transcript, event.call_id, (part) => {
        if (part.status !== "denied") part.status = event.is_error ? "error" : "done";
        part.result = event.content;
        part.duration = event.duration;
        part.until = event.time;
      });
    case "content_part": {
      transcript.stall = null;
      const part = new MediaPart(event);
      transcript.parts.push(part);
      return { kind: "part", part };
    }
    case "citation":
      transcript.citations.push(event);
      return HEAD;
    case "usage":
      transcript.usage_now.set(event.step, event);
      return HEAD;
    case "retry":
      transcript.retries.push(event);
      return HEAD;
    case "reset":
      withdraw(transcript, (part) => part.block < event.block || part.step !== event.step);
      return PARTS;
    case "warning":
      transcript.warnings.push(event);
      return HEAD;
    case "stall":
      transcript.stall = event;
      return HEAD;
    case "error":
      transcript.error = event;
      return HEAD;
    case "raw":
      transcript.raw_count += 1;
      return HEAD;
    case "run_end":
      transcript.stall = null;
      transcript.finish_reason = event.finish_reason;
      transcript.provider_reason = event.provider_reason;
      transcript.incomplete = event.incomplete;
      transcript.status =
        event.finish_reason === "error" || event.finish_reason === "stopped"
          ? event.finish_reason
          : "done";
      return HEAD;
    default:
      event satisfies never;
      return HEAD;
  }
}

function grow(transcript: Transcript, kind: TextKind, event: TextEvent): TextPart {
  transcript.stall = null;
  const key = textKey(kind, event);
  let part = transcript.open.get(key);
  if (part === undefined) {
    part = new TextPart(kind, event);
    transcript.open.set(key, part);
    transcript.parts.push(part);
  }
  part.until = event.until || event.time;
  part.content.append(event.text);
  return part;
}

function onCall(transcript: Transcript, call_id: string, change: (part: ToolPart) => void): Change {
  const part = transcript.calls.get(call_id);
  if (part === undefined) return HEAD;
  change(part);
  return { kind: "part", part };
}

/** The calls of one answer run when the last of them is written. */
function beginTogether(transcript: Transcript, time: number): void {
  for (let n = transcript.parts.length - 1; n >= 0; n -= 1) {
    const part = transcript.parts[n];
    if (part?.kind !== "tool" || part.status !== "called") return;
    part.begin(time);
  }
}

function withdraw(transcript: Transcript, stays: (part: Part) => boolean): void {
  transcript.parts = transcript.parts.filter(stays);
  for (const [key, part] of transcript.open) if (!stays(part)) transcript.open.delete(key);
  for (const [key, part] of transcript.calls) if (!stays(part)) transcript.calls.delete(key);
}

function wholeUsage(usage: Usage | null): Usage | null {
  return usage && (decode({ ...usage, type: "usage" }) as Usage);
}
