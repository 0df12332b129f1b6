// How a block is shown. A view outlives the guesses about its block: it is found again by its place
// and its key, and brought up to date.

import type { Block } from "../blocks/block";
import type { FootnoteList } from "./footnotes";
import type { LeafContext } from "./leaf";

export interface BlockView {
  /** Views of one key can take each other's blocks over. */
  readonly key: string;
  /** What stands in the page; null where the view writes elsewhere. */
  readonly node: HTMLElement | null;
  /** Draws what is there of an open block. */
  draw(block: Block): void;
  /** Draws for good what is complete of an open block. */
  settle?(block: Block): void;
  /** Undoes what it has done outside its node: the node is about to leave the page. */
  drop?(): void;
  /** Draws a closed block, for good. */
  finish(block: Block): void;
}

/** The blocks in a container, in the page. */
export interface Contents {
  /** Draws the open blocks, guesses included. */
  draw(container: Block): void;
  /** Draws the closed blocks for good. */
  settle(container: Block): void;
}

export interface BlockContext extends LeafContext {
  notes: FootnoteList;
  /** Resolves to whether the languages of the lazy module are there. */
  loadLanguages: () => Promise<boolean>;
  /** A code block is complete. */
  onCode: (code: HTMLElement, lang: string) => void;
}
