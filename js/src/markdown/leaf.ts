// The text of one leaf (a paragraph, a heading, a cell) in the page. Text before the last point
// where nothing was open is parsed once and never again, however long the leaf grows.

import { parseInline, type Token } from "./grammar";
import { type DrawMath, inlineNodes } from "./inline";
import type { References, Referrer } from "./references";
import { trimTail } from "./tail";
import { element, patch, type VNode } from "./vnode";

export interface LeafContext {
  references: References;
  draw: DrawMath;
}

const SLICE = 2_000;
const TAIL = 400;
/** A construct longer than this is cut: it could only be hostile. */
const MAX_SLICE = 100_000;
const TASK = /^\[([ xX])\](?=\s)/;

function taskBox(mark: string): VNode {
  const box = { type: "checkbox", disabled: "" };
  return element("input", mark === " " ? box : { ...box, checked: "" });
}

export class Leaf implements Referrer {
  /** Whether the text is an item's first, where `[x]` makes a task of it. */
  task = false;
  /** Called with whether the text turned out to be a task. */
  onTask: ((is: boolean) => void) | null = null;

  #source = "";
  #live = true;
  /** Nothing it refers to is missing: it will never be drawn again. */
  #final = false;
  #missed = false;
  #settled: VNode[] = [];
  #settledTo = 0;
  #retryAt = 0;
  #drawnAt = 0;
  #nodes: VNode[] = [];

  constructor(
    readonly element: HTMLElement,
    readonly context: LeafContext,
  ) {}

  /** Draws `source`, which goes on from what was drawn before; `live` while more may come. */
  render(source: string, live: boolean): void {
    if (live && this.#live && source === this.#source) return;
    if (!source.startsWith(this.#source.slice(0, this.#settledTo))) this.#unsettle();
    this.#source = source;
    this.#live = live;
    this.#settle();
    const missed = this.#drawRest() || this.#missed;
    if (live || missed) return;
    this.#final = true;
    this.#source = "";
    this.#settled = this.#nodes = [];
  }

  refresh(): void {
    if (this.#live || this.#final) return;
    this.#unsettle();
    this.#drawRest();
  }

  #unsettle(): void {
    this.#nodes = [...this.#settled, ...this.#nodes];
    this.#settled = [];
    this.#settledTo = 0;
    this.#retryAt = 0;
    this.#drawnAt = 0;
  }

  /** Draws, once and for all, the parts of the text that nothing to come can change. */
  #settle(): void {
    const source = this.#source;
    while (source.length - this.#settledTo > SLICE + TAIL && source.length >= this.#retryAt) {
      let size = SLICE;
      let settled = false;
      while (!settled && this.#settledTo + size < source.length - TAIL) {
        const to = this.#cut(this.#settledTo + size);
        const piece = source.slice(this.#settledTo, to);
        const env = this.context.references.envFor(this, false);
        const tokens = parseInline(piece, env);
        this.#missed ||= this.context.references.missed;
        settled = !env.unclosed || size > MAX_SLICE;
        if (settled) {
          const next = this.#build(tokens);
          patch(this.element, null, this.#nodes, next);
          this.#nodes = [];
          this.#settled.push(...next);
          this.#settledTo = to;
        }
        size *= 2;
      }
      this.#retryAt = settled ? 0 : source.length * 1.25;
    }
  }

  /** The place at or after `at` where a word begins. */
  #cut(at: number): number {
    const word = /\s(?=\S)/g;
    word.lastIndex = at;
    const found = word.exec(this.#source.slice(0, at + MAX_SLICE));
    return found ? found.index + 1 : Math.min(at + SLICE, this.#source.length);
  }

  #drawRest(): boolean {
    const rest = this.#source.slice(this.#settledTo);
    // Nothing in a very long text could be settled: draw it less often, so as to stay linear.
    if (this.#live && rest.length > 16_000 && this.#source.length < this.#drawnAt * 1.12)
      return false;
    this.#drawnAt = this.#source.length;
    const { references } = this.context;
    const tokens = parseInline(
      this.#live ? trimTail(rest) : rest,
      references.envFor(this, this.#live),
    );
    const { missed } = references;
    const next = this.#build(tokens);
    patch(this.element, null, this.#nodes, next);
    this.#nodes = next;
    return missed;
  }

  #build(tokens: Token[]): VNode[] {
    const first = tokens[0];
    const begins = this.task && this.#settledTo === 0;
    const task = begins && first?.type === "text" ? TASK.exec(first.content) : null;
    if (begins) this.onTask?.(task !== null);
    if (!task || !first) return inlineNodes(tokens, this.context.draw);
    first.content = first.content.slice(3);
    return [taskBox(task[1] as string), ...inlineNodes(tokens, this.context.draw)];
  }
}
