// A code block, line by line.

import { create, patch, text, type VNode } from "../../dom/vnode";
import type { Block } from "../blocks/block";
import { LineHighlighter } from "../code/highlight";
import { findLanguage } from "../code/languages";
import { grammar } from "../inline/grammar";
import { codeBox } from "./boxes";
import type { BlockContext, BlockView } from "./view";

const UNGROUPED = 64;
const GROUP = 64;
/** Longer blocks keep the colours they have when their language arrives late. */
const MAX_RECOLOUR = 1_000;

/** The language an info string names, in its own spelling. */
function languageOf(info: string): string {
  return grammar.utils.unescapeAll(info).trim().split(/\s+/)[0] ?? "";
}

export class CodeView implements BlockView {
  readonly key = "fence";
  readonly node: HTMLElement;
  readonly #code: HTMLElement;
  readonly #label: HTMLElement;
  #info: string | null = null;
  #highlighter: LineHighlighter | null = null;
  #lines = 0;
  #group: HTMLElement;
  /** The line that is still arriving. */
  #tail: VNode[] = [];
  #tailText = "";

  constructor(readonly context: BlockContext) {
    const box = codeBox();
    this.node = box.root;
    this.#code = this.#group = box.code;
    this.#label = box.label;
  }

  draw(block: Block): void {
    this.#take(block);
    const partial = block.partial === null ? "" : block.text + block.partial;
    if (partial === this.#tailText) return;
    this.#drawTail(partial, this.#highlighter?.guess(partial) ?? [text(partial)]);
  }

  settle(block: Block): void {
    this.#take(block);
  }

  finish(block: Block): void {
    this.#take(block);
    this.#drawTail("", []);
    this.context.onCode(this.#code, languageOf(block.info).toLowerCase());
  }

  #take(block: Block): void {
    if (!block.guessed) this.#name(block.info);
    for (const line of block.lines) this.#add(line);
    block.lines = [];
  }

  #name(info: string): void {
    if (this.#info === info) return;
    this.#info = info;
    const name = languageOf(info);
    this.#label.textContent = name;
    if (!name) return;
    this.#code.dataset.lang = name;
    const found = findLanguage(name);
    if (found === "lazy") {
      void this.context.loadLanguages().then((there) => {
        const parser = there ? findLanguage(name) : null;
        if (parser && parser !== "lazy") this.#recolour(new LineHighlighter(parser));
      });
    } else if (found) {
      this.#highlighter = new LineHighlighter(found);
    }
  }

  #add(line: string): void {
    this.#drawTail(line, this.#highlighter?.line(line) ?? (line ? [text(line)] : []));
    this.#tail = [];
    this.#tailText = "";
    this.#group.append("\n");
    this.#lines++;
    if (this.#lines >= UNGROUPED && (this.#lines - UNGROUPED) % GROUP === 0) {
      this.#group = document.createElement("span");
      this.#group.className = "md-group";
      this.#code.append(this.#group);
    }
  }

  #drawTail(line: string, next: VNode[]): void {
    patch(this.#group, null, this.#tail, next);
    this.#tail = next;
    this.#tailText = line;
  }

  /** Colours the lines that were there before their language was. */
  #recolour(highlighter: LineHighlighter): void {
    const tail = this.#tailText;
    this.#drawTail("", []);
    const lines = (this.#code.textContent ?? "").split("\n").slice(0, this.#lines);
    const coloured = lines.map((line) => highlighter.line(line));
    const selection = getSelection();
    const selected =
      selection && !selection.isCollapsed && selection.containsNode(this.#code, true);
    if (this.#lines <= MAX_RECOLOUR && !selected) {
      let at = 0;
      const fill = (into: Element, count: number): void => {
        const fresh = document.createDocumentFragment();
        for (const end = Math.min(at + count, coloured.length); at < end; at++) {
          for (const node of coloured[at] ?? []) fresh.append(create(node));
          fresh.append("\n");
        }
        for (const node of Array.from(into.childNodes)) {
          if (!(node instanceof Element && node.className === "md-group")) node.remove();
        }
        into.prepend(fresh);
      };
      fill(this.#code, UNGROUPED);
      for (const group of this.#code.querySelectorAll(":scope > .md-group")) fill(group, GROUP);
    }
    this.#highlighter = highlighter;
    if (tail) this.#drawTail(tail, highlighter.guess(tail));
  }
}
