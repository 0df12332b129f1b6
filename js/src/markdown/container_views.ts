// Quotes, lists, items and footnotes: an element and the children in it.

import type { Block } from "./block";
import { Children } from "./children";
import type { View, ViewContext } from "./view";

abstract class ContainerView implements View {
  abstract readonly key: string;
  readonly children: Children;

  constructor(
    readonly node: HTMLElement,
    context: ViewContext,
  ) {
    this.children = new Children(context, node);
  }

  draw(block: Block): void {
    this.children.draw(block);
  }

  settle(block: Block): void {
    this.children.settle(block);
  }

  finish(block: Block): void {
    this.children.settle(block);
  }
}

export class QuoteView extends ContainerView {
  readonly key = "quote";

  constructor(context: ViewContext) {
    super(document.createElement("blockquote"), context);
  }
}

export class ItemView extends ContainerView {
  readonly key = "item";

  constructor(context: ViewContext) {
    super(document.createElement("li"), context);
  }

  /** Sets the item's number: a group that is skipped does not count for the items behind it. */
  number(block: Block, count: number): void {
    const list = block.parent;
    if (list?.ordered) (this.node as HTMLLIElement).value = list.start + count - 1;
  }
}

export class ListView extends ContainerView {
  #tight = true;

  constructor(
    readonly key: string,
    block: Block,
    context: ViewContext,
  ) {
    super(document.createElement(block.ordered ? "ol" : "ul"), context);
    if (block.ordered && block.start !== 1) this.node.setAttribute("start", String(block.start));
    this.node.dataset.tight = "";
  }

  override draw(block: Block): void {
    super.draw(block);
    this.#space(block);
  }

  override finish(block: Block): void {
    super.finish(block);
    this.#space(block);
  }

  #space(block: Block): void {
    if (block.tight === this.#tight) return;
    this.#tight = block.tight;
    this.node.toggleAttribute("data-tight", block.tight);
  }
}

/** A footnote, which stands in the list at the end of the document and not where it is written. */
export class NoteView implements View {
  readonly node = null;
  readonly #element: HTMLElement;
  readonly #children: Children;

  constructor(
    readonly key: string,
    block: Block,
    readonly context: ViewContext,
  ) {
    this.#element = context.notes.add(block.info, block.guessed);
    this.#children = new Children(context, this.#element);
  }

  draw(block: Block): void {
    this.#children.draw(block);
  }

  settle(block: Block): void {
    this.context.notes.keep(block.info, this.#element);
    this.#children.settle(block);
  }

  finish(block: Block): void {
    this.settle(block);
  }
}
