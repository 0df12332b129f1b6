// Quotes, lists, items and footnotes: an element and the children in it.

import type { Block } from "../blocks/block";
import type { FootnoteList } from "./footnotes";
import type { BlockView, Contents } from "./view";

export class ContainerView implements BlockView {
  constructor(
    readonly key: string,
    readonly node: HTMLElement,
    readonly children: Contents,
  ) {}

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

export class ItemView extends ContainerView {
  /** Sets the item's number: a group that is skipped does not count for the items behind it. */
  number(block: Block, count: number): void {
    const list = block.parent;
    if (list?.ordered) (this.node as HTMLLIElement).value = list.start + count - 1;
  }
}

export class ListView extends ContainerView {
  #tight = true;

  constructor(key: string, node: HTMLElement, children: Contents, block: Block) {
    super(key, node, children);
    if (block.ordered && block.start !== 1) node.setAttribute("start", String(block.start));
    node.dataset.tight = "";
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
export class FootnoteView implements BlockView {
  readonly node = null;

  constructor(
    readonly key: string,
    readonly element: HTMLElement,
    readonly children: Contents,
    readonly notes: FootnoteList,
  ) {}

  draw(block: Block): void {
    this.children.draw(block);
  }

  settle(block: Block): void {
    this.notes.keep(block.info, this.element);
    this.children.settle(block);
  }

  finish(block: Block): void {
    this.settle(block);
  }
}
