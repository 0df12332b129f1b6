import type {
  ContentPart,
  FinishReason,
  RefusalDelta,
  StepStart,
  TextDelta,
  ThinkingDelta,
  ToolCallStart,
  Usage,
} from "../protocol/events";
import type { ToolStatus } from "../protocol/traits";
import { TextBuffer } from "./buffer";

export type TextKind = "text" | "thinking" | "refusal";
export type TextEvent = TextDelta | ThinkingDelta | RefusalDelta;

/** Deltas with the same key grow the same part. */
export function textKey(kind: TextKind, of: Pick<TextEvent, "block" | "choice" | "step">): string {
  return `${kind} ${of.block} ${of.choice} ${of.step}`;
}

export class TextPart {
  readonly block: number;
  readonly choice: number;
  readonly step: string;
  readonly time: number;
  until: number;
  readonly content = new TextBuffer();
  signature = "";
  redacted = "";
  readonly #paragraph: boolean;

  constructor(
    readonly kind: TextKind,
    event: TextEvent,
  ) {
    this.block = event.block;
    this.choice = event.choice;
    this.step = event.step;
    this.time = this.until = event.time;
    this.#paragraph = "paragraph" in event && event.paragraph;
  }

  /** Whether it begins another message of the same answer. */
  get paragraph(): boolean {
    return this.#paragraph;
  }

  get key(): string {
    return textKey(this.kind, this);
  }
}

export class ToolPart {
  readonly kind = "tool";
  readonly call_id: string;
  readonly block: number;
  readonly step: string;
  readonly name: string;
  readonly server_side: boolean;
  readonly time: number;
  until: number;
  status: ToolStatus = "streaming";
  readonly input = new TextBuffer();
  arguments: unknown = null;
  error = "";
  /** Names the question to a person, where it asked one. */
  approval_id = "";
  /** What it would run with, in the kernel's own words. */
  preview = "";
  readonly progress: unknown[] = [];
  result: unknown = null;
  duration: number | null = null;
  #began = 0;

  constructor(event: ToolCallStart) {
    this.call_id = event.call_id;
    this.block = event.block;
    this.step = event.step;
    this.name = event.name;
    this.server_side = event.server_side;
    this.time = this.until = event.time;
  }

  get key(): string {
    return `tool ${this.call_id}`;
  }

  /** Whether it has run, here or at the provider: what follows is said after it. */
  get over(): boolean {
    return this.server_side || ["done", "error", "denied"].includes(this.status);
  }

  /** When it began to run, as far as one can tell: nobody says. */
  get began(): number {
    return this.#began;
  }

  begin(time: number): void {
    this.#began = time;
  }
}

export class MediaPart {
  readonly kind = "media";
  readonly block: number;
  /** The call_id of the tool that gave it. */
  readonly run: string;
  readonly step: string;
  readonly mime: string;
  readonly data: string;
  readonly url: string;
  readonly alt: string;
  readonly time: number;

  constructor(event: ContentPart) {
    this.block = event.block;
    this.run = event.run;
    this.step = event.step;
    this.mime = event.mime;
    this.data = event.data;
    this.url = event.url;
    this.alt = event.alt;
    this.time = event.time;
  }

  get key(): string {
    return `media ${this.block} ${this.time} ${this.url}`;
  }
}

export type Part = TextPart | ToolPart | MediaPart;

export interface Step {
  readonly name: string;
  readonly index: number;
  readonly agent: string;
  /** What it answers is JSON. */
  readonly structured: boolean;
  /** The call_id of the tool that asks this agent; empty for a step of a workflow. */
  readonly run: string;
  /** The step around it; empty at the top. */
  readonly step: string;
  readonly time: number;
  duration: number | null;
  usage: Usage | null;
  finish_reason: FinishReason | null;
}

export function startStep(event: StepStart): Step {
  const { name, index, agent, structured, run, step, time } = event;
  const open = { duration: null, usage: null, finish_reason: null };
  return { name, index, agent, structured, run, step, time, ...open };
}
