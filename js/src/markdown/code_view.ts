// A code block, line by line.

import type { Block } from "./block";
import { codeFrame } from "./frames";
import { grammar } from "./grammar";
import type { View, ViewContext } from "./view";
import { patch, text, type VNode } from "./vnode";

const UNGROUPED = 64;
const GROUP = 64;

/** The language an info string names, in its own spelling. */
function language(info: string): string {
  return grammar.utils.unescapeAll(info).trim().split(/\s+/)[0] ?? "";
}

export class CodeView implements View {
  readonly key = "fence";
  readonly node: HTMLElement;
  readonly #code: HTMLElement;
  readonly #label: HTMLElement;
  #info: string | null = null;
  #lines = 0;
  #group: HTMLElement;
  /** The line that is still arriving. */
  #tail: VNode[] = [];

  constructor(readonly context: ViewContext) {
    const frame = codeFrame();
    this.node = frame.root;
    this.#code = this.#group = frame.code;
    this.#label = frame.label;
  }

  draw(block: Block): void {
    this.#take(block);
    const partial = block.partial === null ? "" : block.text + block.partial;
    this.#drawTail(partial);
  }

  finish(block: Block): void {
    this.#take(block);
    this.#drawTail("");
    this.context.onCode(this.#code, language(block.info).toLowerCase());
  }

  #take(block: Block): void {
    if (!block.guessed) this.#name(block.info);
    for (const line of block.lines) this.#add(line);
    block.lines = [];
  }

  #name(info: string): void {
    if (this.#info === info) return;
    this.#info = info;
    const lang = language(info);
    this.#label.textContent = lang;
    if (lang) this.#code.dataset.lang = lang;
  }

  #add(line: string): void {
    this.#drawTail(line);
    this.#tail = [];
    this.#group.append("\n");
    this.#lines++;
    if (this.#lines >= UNGROUPED && (this.#lines - UNGROUPED) % GROUP === 0) {
      this.#group = document.createElement("span");
      this.#group.className = "group";
      this.#code.append(this.#group);
    }
  }

  #drawTail(line: string): void {
    const next = line ? [text(line)] : [];
    patch(this.#group, null, this.#tail, next);
    this.#tail = next;
  }
}
