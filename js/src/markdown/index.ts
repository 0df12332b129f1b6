// Markdown that arrives in pieces, drawn into the page at a cost that does not depend on how much
// is there already. Once the text has ended the page equals a full parse of it.

import { listen } from "./actions";
import { Children } from "./children";
import { BlockMachine } from "./machine";
import { NoteList } from "./notes";
import { type LoadPart, loadPart, mathDrawer } from "./parts";
import { References } from "./references";
import type { ViewContext } from "./view";

export interface MarkdownOptions {
  /** Called once for each code block when it is complete, with its language in lower case. */
  onCodeBlock?: (code: HTMLElement, lang: string) => void;
  /** Loads what is not in the first load (formulas, more languages); without it they stay plain. */
  loadPart?: LoadPart;
}

export interface MarkdownRenderer {
  /** Adds new text; call it about once an animation frame. */
  append(text: string): void;
  /** Says that the text is complete: the page now equals a full parse of it. */
  end(): void;
  /** Replaces everything. */
  set(text: string): void;
  readonly text: string;
}

export type { LoadPart, PartName } from "./parts";

const NEWLINE = /\r\n?|\n/g;

class Renderer implements MarkdownRenderer {
  readonly #root: HTMLElement;
  readonly #options: MarkdownOptions;
  #source: string[] = [];
  #pending = "";
  #ended = false;
  #references!: References;
  #machine!: BlockMachine;
  #notes!: NoteList;
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
    if (this.#ended) this.set(this.text + text);
    else if (text) this.#take(text);
  }

  set(text: string): void {
    this.#clear();
    if (text) this.#take(text);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pending) {
      this.#machine.line(this.#pending.replace(/\r$/, ""));
      this.#pending = "";
    }
    this.#machine.end();
    this.#children.settle(this.#machine.root);
    this.#references.end();
    this.#references.refresh();
    this.#notes.arrange();
  }

  #take(text: string): void {
    this.#source.push(text);
    const fresh = text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
    const lines = this.#split(fresh);
    this.#machine.rollback();
    for (const line of lines) this.#machine.line(line);
    this.#children.settle(this.#machine.root);
    if (this.#pending) this.#machine.guess(this.#pending.replace(/\r$/, ""));
    this.#children.draw(this.#machine.root);
    this.#references.refresh();
    this.#notes.arrange();
  }

  /** The lines `text` completes; the rest stays pending, with a final \r that may be half of \r\n. */
  #split(text: string): string[] {
    const lines: string[] = [];
    let from = 0;
    if (this.#pending.endsWith("\r")) {
      lines.push(this.#pending.slice(0, -1));
      this.#pending = "";
      if (text.startsWith("\n")) from = 1;
    }
    NEWLINE.lastIndex = from;
    for (let found = NEWLINE.exec(text); found; found = NEWLINE.exec(text)) {
      if (found[0] === "\r" && NEWLINE.lastIndex === text.length) break;
      lines.push(this.#pending + text.slice(from, found.index));
      this.#pending = "";
      from = NEWLINE.lastIndex;
    }
    this.#pending += text.slice(from);
    return lines;
  }

  #clear(): void {
    this.#source = [];
    this.#pending = "";
    this.#ended = false;
    this.#references = new References();
    this.#machine = new BlockMachine((label, reference) =>
      this.#references.define(label, reference),
    );
    this.#notes = new NoteList(this.#references);
    this.#root.replaceChildren(this.#notes.section);
    const context: ViewContext = {
      references: this.#references,
      notes: this.#notes,
      draw: mathDrawer(this.#options.loadPart),
      loadLanguages: () => loadPart("languages", this.#options.loadPart),
      onCode: (code, lang) => this.#options.onCodeBlock?.(code, lang),
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
