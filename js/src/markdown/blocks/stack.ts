// The open blocks, outermost first. What is done to them while guessing is undone by `rollback`.

import type { Reference } from "../inline/syntax";
import { Block, type BlockKind } from "./block";
import { takeDefinitions } from "./definitions";
import { trim } from "./white_space";

export type OnDefinition = (label: string, reference: Reference) => void;

export class BlockStack {
  readonly root = new Block("root", null);
  #blocks: Block[] = [this.root];
  /** How deep the last line was blank; -1 where it was not. */
  #blankDepth = -1;
  #undo: Array<() => void> | null = null;

  constructor(readonly onDefinition: OnDefinition) {}

  get depth(): number {
    return this.#blocks.length;
  }

  get tip(): Block {
    return this.#blocks.at(-1) as Block;
  }

  at(index: number): Block {
    return this.#blocks[index] as Block;
  }

  get guessing(): boolean {
    return this.#undo !== null;
  }

  startGuess(): void {
    const blocks = this.#blocks;
    const blankDepth = this.#blankDepth;
    this.#blocks = blocks.slice();
    this.#undo = [
      () => {
        this.#blocks = blocks;
        this.#blankDepth = blankDepth;
      },
    ];
  }

  rollback(): void {
    const undo = this.#undo;
    this.#undo = null;
    while (undo?.length) undo.pop()?.();
  }

  /** Opens a block behind the first `depth` open ones, closing the others and what cannot hold it. */
  open(kind: BlockKind, depth: number): Block {
    this.closeFrom(depth);
    if (kind !== "item" && this.tip.kind === "list") this.closeTip();
    const parent = this.tip;
    if (this.#blankDepth >= 0 && this.depth > this.#blankDepth && parent.count > 0) {
      this.#loosen(parent);
    }
    const block = new Block(kind, parent);
    block.guessed = this.guessing;
    parent.children.push(block);
    parent.count++;
    this.#undo?.push(() => {
      parent.children.pop();
      parent.count--;
    });
    this.#blocks.push(block);
    return block;
  }

  closeTip(): void {
    this.closeFrom(this.depth - 1);
  }

  closeFrom(depth: number): void {
    while (this.#blocks.length > depth) {
      const block = this.#blocks.pop() as Block;
      block.open = false;
      if (this.#undo) {
        this.#undo.push(() => {
          block.open = true;
        });
      } else if (block.kind === "paragraph") {
        this.define(block);
        block.text = trim(block.text);
        if (!block.text) block.kind = "definition";
      } else if (block.kind === "math" && !block.closed) {
        block.kind = "paragraph";
        block.text = trim(`${block.marker === "$$" ? "$$" : "\\["}${block.text}`);
      }
    }
  }

  /** Takes the link reference definitions off a paragraph's beginning. */
  define(paragraph: Block): void {
    const taken = takeDefinitions(paragraph.text);
    if (!taken) return;
    paragraph.text = taken.rest;
    for (const label in taken.found) this.onDefinition(label, taken.found[label] as Reference);
  }

  guessText(block: Block, text: string): void {
    block.partial = text;
    this.#undo?.push(() => {
      block.partial = null;
    });
  }

  /** The line is not blank. */
  noteText(): void {
    this.#blankDepth = -1;
  }

  /** The line is blank within the innermost open quote. */
  noteBlank(): void {
    let depth = this.#blocks.length - 1;
    while (depth > 0 && this.#blocks[depth]?.kind !== "quote") depth--;
    this.#blankDepth = depth;
  }

  /** Something follows a blank line in `parent`: its list has space between its items. */
  #loosen(parent: Block): void {
    const list = parent.kind === "item" ? parent.parent : parent;
    if (list?.kind !== "list" || !list.tight) return;
    list.tight = false;
    this.#undo?.push(() => {
      list.tight = true;
    });
  }
}
