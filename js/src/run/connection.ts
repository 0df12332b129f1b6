import type { WireEvent } from "../protocol/events";
import type { Frame, Frames, FromKernel, Grow } from "../protocol/frames";
import type { Approve, ToKernel } from "../protocol/requests";
import type { Options } from "../protocol/traits";
import type { Model } from "../run/model";
import { Store } from "./store";

/** Which call a decision is for. */
export type Question = Omit<Approve, "kind" | "decision">;

export interface Timers {
  set(callback: () => void, milliseconds: number): unknown;
  clear(id: unknown): void;
}

const REAL_TIMERS: Timers = {
  set: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clear: (id) => clearTimeout(id as number),
};

const SILENCE = 2000;
const FIRST_REPEAT = 500;
const LAST_REPEAT = 30_000;
/** Unanswered requests after which the kernel counts as out of reach; about ten seconds. */
const LOST_AFTER = 4;
const STOP_PATIENCE = 1000;
/** Frames kept while an earlier one is missing; beyond that the kernel sends them again anyway. */
const MAX_AHEAD = 256;

/**
 * The kernel's frames, made whole.
 *
 * Frames may be lost, doubled, late or out of order. They are applied in order, each once; where one is
 * missing, or nothing was heard for a while, the kernel is asked for what is newer than `have`.
 */
export class Connection {
  readonly store = new Store();
  /** Stop was asked for and the run has not ended yet. */
  stopping = false;
  /** Stop was asked for, but the kernel has not heard it and this host cannot interrupt. */
  unheard = false;
  /** The kernel does not answer. */
  lost = false;
  /** The kernel has forgotten this run: it was closed, or the kernel was restarted. */
  gone = false;
  /** Whether a view of it stands in the page; null before the first. */
  #visible: boolean | null = null;
  #have = 0;
  /** The frame up to which the answer that is under way reaches. */
  #coming = 0;
  #ahead = new Map<number, Frame | Grow>();
  /** The event with which the latest frame ended: the next one may only go on with it. */
  #last: WireEvent | undefined;
  #asked = 0;
  #timer: unknown;
  #stopTimer: unknown;
  #history: Promise<WireEvent[]> | null = null;
  #onHistory: ((events: WireEvent[]) => void) | null = null;

  constructor(
    private readonly model: Model,
    signal: AbortSignal,
    private readonly timers: Timers = REAL_TIMERS,
  ) {
    signal.addEventListener("abort", () => this.#close(), { once: true });
    model.on("comm_live_update", () => this.#ask());
    model.on("change:snapshot", () => this.#snapshot());
    this.#snapshot();
    // A run that is too long for the widget's state comes as an answer.
    if (this.#have > 0 || model.get("status") !== "pending") this.#ask();
    else this.#wait(SILENCE);
  }

  get uid(): string {
    return this.model.get("uid");
  }

  get options(): Options {
    return this.model.get("options") ?? {};
  }

  /** A view of it has come into the page, or the last one has gone. */
  set visible(visible: boolean) {
    const before = this.#visible;
    this.#visible = visible;
    if (before === null || before === visible || this.over) return;
    this.#send(visible ? { kind: "watch" } : { kind: "unseen" });
  }

  /** Nothing more will come. */
  get over(): boolean {
    return this.store.ended || this.gone;
  }

  receive(message: FromKernel): void {
    this.gone = false;
    this.#setLost(false);
    switch (message.kind) {
      case "frame":
      case "grow":
        this.#frame(message);
        break;
      case "frames":
        this.#frames(message);
        break;
      case "beat":
        if (message.n > this.#have) this.#gap();
        else this.#upToDate();
        break;
      case "history":
        this.#onHistory?.(message.events);
        break;
      case "ack":
        this.timers.clear(this.#stopTimer);
        this.unheard = false;
        break;
      case "seen":
        if (this.#visible) this.#send({ kind: "watch" });
    }
  }

  stop(): void {
    if (this.over || this.stopping) return;
    this.stopping = true;
    this.store.touch();
    this.#send({ kind: "stop" });
    if (this.model.get("interruptible") && this.#kernel) this.#interrupt();
    else if (!this.gone) this.#stopTimer = this.timers.set(() => this.#interrupt(), STOP_PATIENCE);
  }

  approve(question: Question, decision: Approve["decision"]): void {
    this.#send({ kind: "approve", ...question, decision });
  }

  /** The whole run in pieces of a moment each; never, where the kernel is gone. */
  history(): Promise<WireEvent[]> {
    this.#history ??= new Promise((resolve) => {
      this.#onHistory = resolve;
      this.#send({ kind: "history" });
    });
    return this.#history;
  }

  #frame(frame: Frame | Grow): void {
    if (frame.n <= this.#have) return;
    if (frame.n > this.#have + 1) {
      if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(frame.n, frame);
      this.#gap();
      return;
    }
    this.#apply(this.#eventsOf(frame), frame.metrics, frame.samples);
    this.#advance(frame.n);
  }

  #eventsOf(frame: Frame | Grow): WireEvent[] {
    if (frame.kind === "frame") return frame.events;
    const [text, count, time, until] = frame.delta;
    const last = this.#last;
    if (last === undefined) return [];
    const name = last.type === "tool_call_delta" ? "arguments" : "text";
    return [{ ...last, [name]: text, count, time, until }];
  }

  /** An answer, or a piece of one: then `until` says how far the pieces reach. */
  #frames(message: Frames): void {
    const { after, n, events, metrics, samples, until = 0 } = message;
    if (n < this.#have) return;
    if (n === this.#have) {
      this.#upToDate();
      return;
    }
    if (after === this.#have) this.#apply(events, metrics, samples);
    else if (after === 0) {
      this.#restart(events, metrics, samples);
    } else {
      this.#coming = 0; // A piece was lost.
      this.#gap();
      return;
    }
    this.#coming = Math.max(this.#coming, until);
    this.#advance(n);
  }

  /** The run as the widget's state has it; some hosts keep that where they drop messages. */
  #snapshot(): void {
    const { n = 0, events = [], metrics, samples } = this.model.get("snapshot") ?? {};
    if (n <= this.#have) return;
    this.#restart(events, metrics, samples);
    this.#advance(n);
  }

  #restart(...[events, ...figures]: Parameters<Store["restart"]>): void {
    this.store.restart(events, ...figures);
    this.#last = events.at(-1);
    this.#confirmSeen(events);
  }

  #apply(...[events, ...figures]: Parameters<Store["apply"]>): void {
    this.store.apply(events, ...figures);
    this.#last = events.at(-1) ?? this.#last;
    this.#confirmSeen(events);
  }

  /** Tells the kernel that a tool which asks for approval is seen here. */
  #confirmSeen(events: WireEvent[]): void {
    const asks = (event: WireEvent) =>
      event.type === "tool_approval" && event.decision === "requested";
    if (!this.store.ended && events.some(asks)) this.#send({ kind: "watch" });
  }

  #advance(n: number): void {
    this.#have = n;
    for (let next = this.#ahead.get(n + 1); next; next = this.#ahead.get(this.#have + 1)) {
      this.#apply(this.#eventsOf(next), next.metrics, next.samples);
      this.#have = next.n;
    }
    for (const ahead of this.#ahead.keys()) if (ahead <= this.#have) this.#ahead.delete(ahead);
    this.#asked = 0;
    if (this.#have < this.#coming) this.#wait(FIRST_REPEAT);
    else if (this.#ahead.size > 0) this.#gap();
    else this.#upToDate();
  }

  #upToDate(): void {
    if (this.#ahead.size > 0 || this.#have < this.#coming) return;
    this.#asked = 0;
    if (this.store.ended) {
      this.timers.clear(this.#timer);
      this.timers.clear(this.#stopTimer);
      this.stopping = this.unheard = false;
    } else this.#wait(SILENCE);
  }

  /** Something is missing that is not on its way. */
  #gap(): void {
    if (this.#asked === 0 && this.#have >= this.#coming) this.#ask();
  }

  #ask(): void {
    if (this.over) return;
    this.#wait(Math.min(FIRST_REPEAT * 2 ** this.#asked, LAST_REPEAT));
    this.#asked += 1;
    this.#coming = 0;
    this.#send({ kind: "hello", have: this.#have });
    if (this.#asked > LOST_AFTER) this.#setLost(!this.over);
  }

  #wait(milliseconds: number): void {
    this.timers.clear(this.#timer);
    this.#timer = this.timers.set(() => this.#ask(), milliseconds);
  }

  /** The kernel, where this host can interrupt it. */
  get #kernel() {
    const kernel = this.model.widget_manager?.kernel;
    return kernel?.interrupt ? kernel : null;
  }

  #interrupt(): void {
    if (this.over) return;
    if (!this.#kernel) {
      this.unheard = true;
      this.store.touch();
      return;
    }
    Promise.resolve(this.#kernel.interrupt?.()).catch((error) =>
      console.warn("[nbstream] the kernel could not be interrupted", error),
    );
  }

  #setLost(lost: boolean): void {
    if (this.lost === lost) return;
    this.lost = lost;
    this.store.touch();
  }

  #send(message: ToKernel): void {
    try {
      this.model.send(message);
    } catch {
      this.#close();
    }
  }

  #close(): void {
    this.timers.clear(this.#timer);
    this.timers.clear(this.#stopTimer);
    if (this.over) return;
    this.gone = true;
    this.stopping = false;
    this.store.touch();
  }
}
