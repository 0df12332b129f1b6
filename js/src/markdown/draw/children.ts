// The children of one container in the page: those that are settled are forgotten here, those that
// are still open or guessed are kept in step with the blocks.

import type { Block } from "../blocks/block";
import { CodeView } from "./code_view";
import { ContainerView, FootnoteView, ItemView, ListView } from "./container_views";
import { HtmlView } from "./html_view";
import { HtmlWriter } from "./html_writer";
import { HeadingView, MathView, ParagraphView, RuleView } from "./leaf_views";
import { BLOCKS, Placer, ROWS } from "./placer";
import { isHeader, TableView } from "./table_view";
import type { BlockContext, BlockView } from "./view";

function keyOf(block: Block): string {
  switch (block.kind) {
    case "list":
      return block.ordered ? `ol${block.delimiter}${block.start}` : `ul${block.delimiter}`;
    case "heading":
      return `h${block.level}`;
    case "indented":
      return "fence";
    case "note":
      return `note ${block.info}`;
    case "paragraph":
      return isHeader(block) ? "table" : "paragraph";
    default:
      return block.kind;
  }
}

export class Children {
  readonly #html = new HtmlWriter();
  readonly #placer: Placer;
  readonly #inner = new WeakMap<HTMLElement, Placer>();
  #live: Array<{ view: BlockView; placer: Placer }> = [];

  constructor(
    readonly context: BlockContext,
    readonly parent: HTMLElement,
    before: Node | null = null,
  ) {
    const isList = parent.localName === "ol" || parent.localName === "ul";
    this.#placer = new Placer(parent, "div", before, isList ? ROWS : BLOCKS);
  }

  /** Draws the closed children of `block` for good, and follows the open one down. */
  settle(block: Block): void {
    const { children } = block;
    let done = 0;
    for (const child of children) {
      if (child.open) break;
      done++;
      if (child.kind === "definition") {
        this.#dropFrom(0);
        continue;
      }
      this.#viewAt(0, child).finish(child);
      this.#live.shift();
    }
    if (done) children.splice(0, done);
    const open = children[0];
    if (open?.isContainer || open?.lines.length) this.#viewAt(0, open).settle?.(open);
    if (!block.open) this.#dropFrom(0);
  }

  /** Draws the open children, guesses included. */
  draw(block: Block): void {
    let shown = 0;
    for (const child of block.children) {
      if (child.kind === "html" && child.guessed) break;
      this.#viewAt(shown++, child).draw(child);
    }
    this.#dropFrom(shown);
  }

  #viewAt(index: number, block: Block): BlockView {
    const key = keyOf(block);
    const found = this.#live[index];
    if (found?.view.key === key) return found.view;
    this.#dropFrom(index);
    const view = this.#create(block, key);
    const inside = this.#html.inside;
    let placer = this.#placer;
    if (inside && block.kind !== "html") {
      placer = this.#inner.get(inside) ?? new Placer(inside);
      this.#inner.set(inside, placer);
    }
    if (view.node) {
      const begins = placer.add(view.node);
      if (begins && view instanceof ItemView) view.number(block, placer.count);
    }
    this.#live.push({ view, placer });
    return view;
  }

  #dropFrom(index: number): void {
    while (this.#live.length > index) {
      const last = this.#live.pop();
      last?.view.drop?.();
      if (last?.view.node) last.placer.remove(last.view.node);
    }
  }

  #create(block: Block, key: string): BlockView {
    const { context } = this;
    switch (block.kind) {
      case "quote":
        return new ContainerView(key, ...this.#container("blockquote"));
      case "list":
        return new ListView(key, ...this.#container(block.ordered ? "ol" : "ul"), block);
      case "item":
        return new ItemView(key, ...this.#container("li"));
      case "note": {
        const element = context.notes.add(block.info, block.guessed);
        return new FootnoteView(key, element, new Children(context, element), context.notes);
      }
      case "heading":
        return new HeadingView(key, context);
      case "rule":
        return new RuleView();
      case "fence":
      case "indented":
        return new CodeView(context);
      case "math":
        return new MathView(context);
      case "html":
        return new HtmlView(this.#html);
      case "table":
        return new TableView(context);
      default:
        return key === "table"
          ? new TableView(context)
          : new ParagraphView(context, this.#isTask());
    }
  }

  #container(tag: string): [HTMLElement, Children] {
    const element = document.createElement(tag);
    return [element, new Children(this.context, element)];
  }

  /** Whether the next child is the first of an item. */
  #isTask(): boolean {
    return this.parent.localName === "li" && this.#placer.count === 0 && !this.#html.inside;
  }
}
