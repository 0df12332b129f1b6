// A block of raw HTML, written into its container line by line.

import type { Block } from "../blocks/block";
import type { HtmlWriter } from "./html_writer";
import type { BlockView } from "./view";

export class HtmlView implements BlockView {
  readonly key = "html";
  readonly node: HTMLElement | null;

  constructor(readonly writer: HtmlWriter) {
    this.node = writer.begin();
  }

  draw(block: Block): void {
    for (const line of block.lines) this.writer.feed(`${line}\n`);
    block.lines = [];
  }

  settle(block: Block): void {
    this.draw(block);
  }

  finish(block: Block): void {
    this.draw(block);
    this.writer.end();
  }
}
