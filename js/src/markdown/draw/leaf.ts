// The text of one leaf (a paragraph, a heading, a cell) in the page. Text before the last point
// where nothing was open is parsed once and never again, however long the leaf grows.

import { element, patch, text, type VNode, type VText } from "../../dom/vnode";
import { parseInline } from "../inline/grammar";
import type { References, Referrer } from "../inline/references";
import type { Token } from "../inline/syntax";
import { trimTail } from "../inline/tail";
import { type DrawMath, inlineNodes } from "./nodes";

/** How long drawing may go on for now. */
export interface Budget {
  /** On the clock of performance.now(). */
  until: number;
  /** Set by what stopped half-way. */
  exceeded: boolean;
}

export interface LeafContext {
  references: References;
  draw: DrawMath;
  budget: Budget;
}

const SLICE = 1_000;
const TAIL = 200;
/** A construct longer than this is cut: it could only be hostile. */
const MAX_SLICE = 20_000;
/** Text of one leaf beyond this is shown as it is. */
const MAX_LEAF = 120_000;
/** How much may be drawn anew with every piece. */
const MAX_REST = 4_000;
/** Text that reads the same whatever stands before or behind it. */
const PLAIN = /^(?:[\p{L}\p{N} ,;()'"–—-]|[.:?](?= ))*$/u;
const TASK = /^\[([ xX])\](?=\s)/;

function taskBox(mark: string): VNode {
  const box = { type: "checkbox", disabled: "" };
  return element("input", mark === " " ? box : { ...box, checked: "" });
}

/** The text the nodes end with, unless it stands in what its words could still change. */
function lastText(nodes: VNode[]): VText | null {
  const last = nodes.at(-1);
  if (!last) return null;
  if (!("tag" in last)) return last;
  return /^(?:em|strong|del)$/.test(last.tag) ? lastText(last.children) : null;
}

/** The nodes with `lead` before their first text; adjacent text is one node. */
function joinText(lead: string, nodes: VNode[]): VNode[] {
  const joined: VNode[] = lead ? [text(lead)] : [];
  for (const node of nodes) {
    const last = joined.at(-1);
    if (last && !("tag" in last) && !("tag" in node)) last.text += node.text;
    else joined.push(node);
  }
  return joined;
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
  /** Ran out of time: more is to be drawn of the same text. */
  #behind = false;
  #missed = false;
  /** Whether all of the source stands in the page, nothing of its end kept back. */
  #whole = false;
  #settled: VNode[] = [];
  #settledTo = 0;
  /** The settled text that the first of `#nodes` begins with. */
  #lead = "";
  #retryAt = 0;
  #drawnAt = 0;
  #nodes: VNode[] = [];

  constructor(
    readonly element: HTMLElement,
    readonly context: LeafContext,
  ) {}

  /** Draws `source`, which goes on from what was drawn before; `live` while more may come. */
  render(source: string, live: boolean): void {
    if (live && this.#live && source === this.#source && !this.#behind) return;
    if (live && this.#extend(source)) return;
    this.#behind = false;
    if (!source.startsWith(this.#source.slice(0, this.#settledTo))) this.#unsettle();
    this.#source = source;
    this.#live = live;
    const missed = this.#draw(this.#settle()) || this.#missed;
    if (live || missed) return;
    this.#final = true;
    this.#source = "";
    this.#settled = this.#nodes = [];
  }

  refresh(): void {
    if (this.#live || this.#final) return;
    this.#unsettle();
    this.#draw([]);
  }

  /** Draws words that can only continue the last text there is. True if that is what came. */
  #extend(source: string): boolean {
    const known = this.#source;
    if (!this.#whole || this.#behind || !this.#live || source.length <= known.length) return false;
    if (source.length - this.#settledTo > SLICE + TAIL || !source.startsWith(known)) return false;
    if (known.endsWith("\n")) return false;
    // From the last word but one on: a mark before them has shown by then what it opens.
    const words = known.lastIndexOf(" ", known.lastIndexOf(" ") - 1) + 1;
    const last = PLAIN.test(source.slice(words)) ? lastText(this.#nodes) : null;
    if (!last?.dom) return false;
    const added = source.slice(known.length);
    last.text += added;
    last.dom.appendData(added);
    this.#source = source;
    return true;
  }

  #unsettle(): void {
    this.#nodes = [...this.#settled, ...this.#nodes];
    this.#settled = [];
    this.#settledTo = 0;
    this.#lead = "";
    this.#retryAt = 0;
    this.#drawnAt = 0;
  }

  /** Builds, once and for all, the parts of the text that nothing to come can change. */
  #settle(): VNode[] {
    const source = this.#source;
    const fresh: VNode[] = [];
    const { budget } = this.context;
    while (source.length - this.#settledTo > SLICE + TAIL && source.length >= this.#retryAt) {
      if (this.#live && performance.now() > budget.until) {
        this.#behind = budget.exceeded = true;
        break;
      }
      if (this.#settledTo > MAX_LEAF) {
        if (source.length - this.#settledTo < MAX_SLICE + TAIL) break;
        const piece = source.slice(this.#settledTo, this.#settledTo + MAX_SLICE);
        fresh.push(element("span", { class: "md-group" }, [text(piece)]));
        this.#settledTo += MAX_SLICE;
        continue;
      }
      let settled = false;
      const sizes = [SLICE, MAX_SLICE];
      for (const size of sizes) {
        if (settled || this.#settledTo + size >= source.length - TAIL) break;
        const to = this.#cut(this.#settledTo + size);
        const env = this.context.references.envFor(this, false);
        const tokens = parseInline(source.slice(this.#settledTo, to), env);
        this.#missed ||= this.context.references.missed;
        settled = !env.unclosed || size === MAX_SLICE;
        if (settled) {
          fresh.push(...this.#build(tokens));
          this.#settledTo = to;
        }
      }
      this.#retryAt = settled ? 0 : source.length * 1.25;
    }
    return fresh;
  }

  /** The place at or after `at` where a word begins. */
  #cut(at: number): number {
    const word = /\s(?=\S)/g;
    word.lastIndex = at;
    const found = word.exec(this.#source.slice(0, at + MAX_SLICE));
    return found ? found.index + 1 : Math.min(at + SLICE, this.#source.length);
  }

  /** Draws what is newly settled and the rest. True if the rest may have to be drawn again. */
  #draw(fresh: VNode[]): boolean {
    const rest = this.#source.slice(this.#settledTo);
    if (this.#behind && rest.length > MAX_REST) {
      this.#place(fresh, []);
      return true;
    }
    // Nothing in a very long text could be settled: draw it less often, so as to stay linear.
    if (this.#live && rest.length > MAX_REST && this.#source.length < this.#drawnAt * 1.12)
      return false;
    this.#drawnAt = this.#source.length;
    const { references } = this.context;
    const drawn = this.#live ? trimTail(rest) : rest;
    this.#whole = drawn === rest;
    const tokens = parseInline(drawn, references.envFor(this, this.#live));
    const { missed } = references;
    this.#place(fresh, this.#build(tokens));
    return missed;
  }

  /** Puts newly settled nodes and those of the rest into the page. */
  #place(fresh: VNode[], rest: VNode[]): void {
    const done = joinText(this.#lead, fresh);
    // Text in which the settled part ends goes on as one node, so that what follows keeps its place.
    const last = done.at(-1);
    this.#lead = last && !("tag" in last) ? last.text : "";
    if (this.#lead) done.pop();
    const next = joinText(this.#lead, rest);
    patch(this.element, null, this.#nodes, [...done, ...next]);
    this.#settled.push(...done);
    this.#nodes = next;
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
