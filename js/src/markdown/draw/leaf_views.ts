// Paragraphs, headings, rules and formulas.

import type { Block } from "../blocks/block";
import { takeDefinitions } from "../blocks/definitions";
import { Leaf } from "./leaf";
import type { BlockContext, BlockView } from "./view";

/** What is there of a block's text, the guessed line included. */
function arriving(block: Block): string {
  if (block.partial === null) return block.text;
  return block.text ? `${block.text}\n${block.partial}` : block.partial;
}

const MAX_DEFINITIONS = 4_000;

/** The text of an open paragraph without the link references it most probably defines. */
function withoutDefinitions(text: string): string {
  if (!/^\[(?:[^\]\\]|\\.)+\]:/.test(text)) return text;
  if (/^\[[^\]]+\]:\s*$/.test(text)) return "";
  if (text.length < MAX_DEFINITIONS) return takeDefinitions(text)?.rest ?? text;
  const first = text.slice(0, text.indexOf("\n"));
  return takeDefinitions(first) ? "" : text;
}

export class ParagraphView implements BlockView {
  readonly key = "paragraph";
  readonly node = document.createElement("p");
  readonly #leaf: Leaf;

  /** `task`: whether it is the first of an item. */
  constructor(context: BlockContext, task: boolean) {
    this.#leaf = new Leaf(this.node, context);
    if (!task) return;
    this.#leaf.task = true;
    this.#leaf.onTask = (is) => this.node.parentElement?.toggleAttribute("data-task", is);
  }

  draw(block: Block): void {
    let text = withoutDefinitions(arriving(block));
    if (this.#leaf.task && /^\[(?:[ xX]?|[ xX]\])\s*$/.test(text)) text = "";
    this.node.hidden = text === "";
    this.#leaf.render(text, true);
  }

  drop(): void {
    if (this.#leaf.task) this.node.parentElement?.removeAttribute("data-task");
  }

  finish(block: Block): void {
    this.node.hidden = false;
    this.#leaf.render(block.text, false);
  }
}

export class HeadingView implements BlockView {
  readonly node: HTMLElement;
  readonly #leaf: Leaf;

  constructor(
    readonly key: string,
    context: BlockContext,
  ) {
    this.node = document.createElement(key);
    this.#leaf = new Leaf(this.node, context);
  }

  draw(block: Block): void {
    this.#leaf.render(block.text, true);
  }

  finish(block: Block): void {
    this.#leaf.render(block.text, false);
  }
}

export class RuleView implements BlockView {
  readonly key = "rule";
  readonly node = document.createElement("hr");
  draw(): void {}
  finish(): void {}
}

export class MathView implements BlockView {
  readonly key = "math";
  readonly node = document.createElement("div");

  constructor(readonly context: BlockContext) {
    this.node.className = "md-math md-math-display md-math-open";
  }

  draw(block: Block): void {
    this.node.textContent = arriving(block).trim();
  }

  finish(block: Block): void {
    this.node.className = "md-math md-math-display";
    this.node.replaceChildren();
    this.context.draw(block.text.trim(), true, this.node);
  }
}
