// Markdown that arrives in pieces, drawn into the page at a cost that does not depend on how much
// is there already. Once the text has ended the page equals a full parse of it.

import { BlockParser } from "./blocks/parser";
import { listen } from "./draw/actions";
import { Children } from "./draw/children";
import { FootnoteList } from "./draw/footnotes";
import type { Budget } from "./draw/leaf";
import { type LoadModule, loadModule, mathDrawer } from "./draw/modules";
import type { BlockContext } from "./draw/view";
import { References } from "./inline/references";

export interface MarkdownOptions {
  /** Called once for each code block when it is complete, with its language in lower case. */
  onCodeBlock?: (code: HTMLElement, lang: string) => void;
  /** Loads what is not in the first load (formulas, more languages); without it they stay plain. */
  loadModule?: LoadModule;
}

export interface MarkdownRenderer {
  /** Adds new text; call it about once an animation frame. */
  append(text: string): void;
  /** Says that the text is complete: the page now equals a full parse of it (but for a backlog of
   * more than a million characters, which is drawn in the frames that follow). */
  end(): void;
  /** Replaces everything. */
  set(text: string): void;
  readonly text: string;
}

export type { LoadModule } from "./draw/modules";

const NEWLINE = /\r\n?|\n/g;
/** Milliseconds of drawing in one go; what is left over is drawn in the frames that follow. */
const BUDGET = 24;
/** Characters between two looks at the clock. */
const BATCH = 2_000;
/** A backlog up to this many characters is drawn at once when the text ends. */
const MAX_AT_ONCE = 1_000_000;

class Renderer implements MarkdownRenderer {
  readonly #root: HTMLElement;
  readonly #options: MarkdownOptions;
  #source: string[] = [];
  /** Complete lines that are not read yet, from `#next` on, and how many characters they have. */
  #lines: string[] = [];
  #next = 0;
  #backlog = 0;
  #pending = "";
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #budget: Budget = { until: 0, exceeded: false };
  #references!: References;
  #parser!: BlockParser;
  #notes!: FootnoteList;
  #children!: Children;

  constructor(root: HTMLElement, options: MarkdownOptions) {
    this.#root = root;
    this.#options = options;
    this.#clear();
  }

  get text(): string {
    if (this.#source.length > 1) this.#source = [this.#source.join("")];
    return this.#source[0] ?? "";
  }

  append(text: string): void {
    if (!text) return;
    if (this.#ended) {
      this.set(this.text + text);
      return;
    }
    this.#source.push(text);
    this.#split(text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text);
    this.#work(performance.now() + BUDGET);
  }

  set(text: string): void {
    this.#clear();
    this.append(text);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pending) this.#queue(this.#lastLine);
    this.#pending = "";
    this.#work(this.#backlog > MAX_AT_ONCE ? performance.now() + BUDGET : Number.POSITIVE_INFINITY);
  }

  /** Reads and draws until the queue is empty or the time is up. */
  #work(until: number): void {
    clearTimeout(this.#timer);
    const { root } = this.#parser;
    this.#budget.until = until;
    this.#budget.exceeded = false;
    this.#parser.rollback();
    do {
      const backlog = this.#backlog - BATCH;
      while (this.#next < this.#lines.length && this.#backlog >= backlog) {
        const line = this.#lines[this.#next++] as string;
        this.#backlog -= line.length;
        this.#parser.line(line);
      }
      this.#children.settle(root);
    } while (this.#next < this.#lines.length && performance.now() < until);
    const behind = this.#next < this.#lines.length;
    if (!behind) {
      this.#lines = [];
      this.#next = 0;
      if (this.#ended) this.#finish();
      else if (this.#pending) this.#parser.guess(this.#lastLine);
    }
    this.#children.draw(root);
    this.#references.refresh();
    this.#notes.arrange();
    if (behind || this.#budget.exceeded) {
      this.#timer = setTimeout(() => this.#work(performance.now() + BUDGET));
    }
  }

  #finish(): void {
    this.#parser.end();
    this.#children.settle(this.#parser.root);
    this.#references.end();
  }

  /** The line that is not complete, without an \r that may be the half of its end. */
  get #lastLine(): string {
    return this.#pending.endsWith("\r") ? this.#pending.slice(0, -1) : this.#pending;
  }

  #queue(line: string): void {
    this.#lines.push(line);
    this.#backlog += line.length;
  }

  /** Queues the lines `text` completes; the rest waits, with a final \r that may be half of \r\n. */
  #split(text: string): void {
    let from = 0;
    if (this.#pending.endsWith("\r")) {
      this.#queue(this.#pending.slice(0, -1));
      this.#pending = "";
      if (text.startsWith("\n")) from = 1;
    }
    NEWLINE.lastIndex = from;
    for (let found = NEWLINE.exec(text); found; found = NEWLINE.exec(text)) {
      if (found[0] === "\r" && NEWLINE.lastIndex === text.length) break;
      this.#queue(this.#pending + text.slice(from, found.index));
      this.#pending = "";
      from = NEWLINE.lastIndex;
    }
    this.#pending += text.slice(from);
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#source = [];
    this.#lines = [];
    this.#next = this.#backlog = 0;
    this.#pending = "";
    this.#ended = false;
    this.#references = new References();
    this.#parser = new BlockParser((label, reference) => this.#references.define(label, reference));
    this.#notes = new FootnoteList(this.#root, this.#references);
    this.#root.replaceChildren();
    const { loadModule: load, onCodeBlock } = this.#options;
    const context: BlockContext = {
      references: this.#references,
      budget: this.#budget,
      notes: this.#notes,
      draw: mathDrawer(load),
      loadLanguages: () => loadModule("languages", load),
      onCode: (code, lang) => onCodeBlock?.(code, lang),
    };
    this.#children = new Children(context, this.#root, this.#notes.section);
  }
}

/** Renders streamed markdown into `root`, which it owns from now on. */
export function createMarkdown(root: HTMLElement, options: MarkdownOptions = {}): MarkdownRenderer {
  root.classList.add("nbstream-md");
  listen(root);
  return new Renderer(root, options);
}
