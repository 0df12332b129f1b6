import type { Usage, WireEvent } from "../protocol/events";
import { FIGURES, type Figures, STALL } from "../protocol/metrics";
import { type Change, decode, fold, HEAD, PARTS, Transcript } from "./fold";
import type { Part, Step } from "./parts";
import { Samples } from "./samples";
import { addUsage } from "./usage";

/** What a run has said so far, how fast, and who wants to know. */
export class Store {
  metrics: Figures | null = null;
  readonly samples = new Samples();
  /** When the newest event arrived here, on the clock of `performance.now()`. */
  arrived = 0;
  #state = new Transcript();
  #listeners = new Set<(change: Change) => void>();

  get state(): Readonly<Transcript> {
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

  apply(events: WireEvent[], metrics?: Partial<Figures>, samples?: number[]): void {
    for (const event of events) this.#notify(fold(this.#state, decode(event)));
    this.#settle(metrics, samples);
  }

  /** The whole run again from its first event: what is shown and still true stays. */
  restart(events: WireEvent[], metrics?: Partial<Figures>, samples?: number[]): void {
    this.#state = new Transcript();
    for (const event of events) fold(this.#state, decode(event));
    this.#notify(PARTS);
    this.#settle(metrics, samples);
  }

  /** Something outside the transcript that views show has changed. */
  touch(): void {
    this.#notify(HEAD);
  }

  #settle(metrics?: Partial<Figures>, samples?: number[]): void {
    this.arrived = performance.now();
    if (samples) this.samples.apply(samples);
    if (metrics) {
      this.metrics = { ...(this.metrics ?? FIGURES), ...metrics };
      this.#notify(HEAD);
    }
  }

  #notify(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const speaks = (part: Part) => part.kind === "tool" || (part.kind === "text" && part.choice === 0);

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
