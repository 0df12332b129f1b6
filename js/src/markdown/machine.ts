// The block structure, a line at a time. Each complete line is read once; the line still arriving
// is read as a guess, which is undone before the next. The algorithm is CommonMark's (match the
// open containers, then look for new ones, then place the text) with GFM's tables.

import { Block, type Kind } from "./block";
import { Cursor } from "./cursor";
import { takeDefinitions } from "./definitions";
import type { Reference } from "./grammar";
import { mayCloseFence, undecided } from "./guess";
import {
  closesFence,
  fence,
  heading,
  htmlStart,
  isRule,
  listMarker,
  mathStart,
  noteMark,
  underline,
} from "./starts";
import { delimiterRow, headerRow } from "./table";

const MAX_DEPTH = 100;

export type OnDefinition = (label: string, reference: Reference) => void;

type Step = "container" | "leaf" | "none";

export class BlockMachine {
  readonly root = new Block("root", null);
  /** The open blocks, outermost first. */
  #spine: Block[] = [this.root];
  /** How deep in the spine the last line was blank; -1 where it was not. */
  #blankDepth = -1;
  #undo: Array<() => void> | null = null;

  // The line being read.
  #cursor = new Cursor("");
  #matched = 1;

  constructor(readonly onDefinition: OnDefinition) {}

  /** Reads a complete line. */
  line(text: string): void {
    this.rollback();
    this.#read(text);
  }

  /** Reads the line that is still arriving, until `rollback`. */
  guess(text: string): void {
    this.rollback();
    this.#undo = [];
    const spine = this.#spine;
    const blankDepth = this.#blankDepth;
    this.#undo.push(() => {
      this.#spine = spine;
      this.#blankDepth = blankDepth;
    });
    this.#spine = spine.slice();
    this.#read(text);
  }

  rollback(): void {
    const undo = this.#undo;
    this.#undo = null;
    while (undo?.length) undo.pop()?.();
  }

  /** Closes everything: there is no more text. */
  end(): void {
    this.rollback();
    this.#closeFrom(0);
  }

  get #guessing(): boolean {
    return this.#undo !== null;
  }

  get #tip(): Block {
    return this.#spine.at(-1) as Block;
  }

  #read(text: string): void {
    this.#cursor = new Cursor(text);
    this.#matched = 1;
    const before = this.#spine.length;
    if (this.#matchOpen()) return;
    const allMatched = this.#matched === before;
    const deepest = this.#spine[this.#matched - 1] as Block;
    const cursor = this.#cursor;

    if (deepest.kind === "fence" || deepest.kind === "html" || deepest.kind === "math") {
      this.#addCodeLine(deepest);
      return;
    }
    if (deepest.kind === "indented") {
      this.#addIndented(deepest);
      return;
    }
    if (deepest.kind === "paragraph" || deepest.kind === "table") this.#matched--;

    let opened = false;
    for (;;) {
      if (this.#guessing && undecided(cursor, this.#paragraphAbove(opened))) return;
      const step = this.#start(opened);
      if (step === "leaf") return;
      if (step === "none") break;
      opened = true;
    }

    if (cursor.blank) {
      if (opened) this.#blankDepth = -1;
      else this.#blank();
    } else if (!opened && this.#tip.kind === "paragraph") {
      this.#continueParagraph(this.#tip, allMatched);
    } else if (!opened && this.#tip.kind === "table" && allMatched) {
      this.#addLine(this.#tip, cursor.rest);
    } else {
      const paragraph = this.#open("paragraph");
      paragraph.mayHead = true;
      this.#setText(paragraph, cursor.rest);
    }
    if (!cursor.blank) this.#blankDepth = -1;
  }

  /** The paragraph this line may go on, lazily or not. */
  #paragraphAbove(opened: boolean): Block | null {
    return !opened && this.#tip.kind === "paragraph" ? this.#tip : null;
  }

  /** Follows the open blocks as far as this line goes on with them. True if it was used up. */
  #matchOpen(): boolean {
    const cursor = this.#cursor;
    for (; this.#matched < this.#spine.length; this.#matched++) {
      const block = this.#spine[this.#matched] as Block;
      switch (block.kind) {
        case "quote":
          if (cursor.indent > 3 || cursor.char !== ">") return false;
          this.#takeQuoteMark();
          break;
        case "item":
          if (cursor.blank) {
            if (block.count === 0) return false;
            cursor.take(0);
          } else if (cursor.indent >= block.width) {
            cursor.skipColumns(block.width);
          } else {
            return false;
          }
          break;
        case "note":
          if (cursor.blank) cursor.take(0);
          else if (cursor.indent >= 4) cursor.skipColumns(4);
          else return false;
          break;
        case "fence":
          if (this.#guessing && mayCloseFence(cursor, block.marker)) return true;
          if (cursor.indent <= 3 && closesFence(cursor.rest, block.marker)) {
            this.#closeFrom(this.#matched);
            this.#blankDepth = -1;
            return true;
          }
          cursor.skipColumns(block.width);
          break;
        case "indented":
          if (cursor.indent < 4 && !cursor.blank) return false;
          cursor.skipColumns(4);
          break;
        case "html":
          if (cursor.blank && !block.htmlEnd) return false;
          break;
        case "math":
        case "paragraph":
        case "table":
          if (cursor.blank) return false;
          break;
      }
    }
    return false;
  }

  #takeQuoteMark(): void {
    this.#cursor.take(1);
    this.#cursor.skipColumns(1);
  }

  /** Opens at most one block at the cursor. */
  #start(opened: boolean): Step {
    const cursor = this.#cursor;
    if (cursor.blank) return "none";
    const above = this.#paragraphAbove(opened);
    if (cursor.indent > 3) {
      if (above) return "none";
      cursor.skipColumns(4);
      this.#addIndented(this.#open("indented"));
      return "leaf";
    }
    const line = cursor.rest;
    // Whether the paragraph above is this line's own, so that fewer things may interrupt it.
    const interrupting = above !== null && this.#matched === this.#spine.length - 1;
    if (interrupting && this.#startsTable(above, line)) return "leaf";
    return this.#startContainer(line, interrupting) ?? this.#startLeaf(line, above, interrupting);
  }

  #startContainer(line: string, interrupting: boolean): Step | null {
    const cursor = this.#cursor;
    if (this.#matched >= MAX_DEPTH) return null;
    if (line[0] === ">") {
      this.#open("quote");
      this.#takeQuoteMark();
      this.#matched++;
      return "container";
    }
    if (line[0] === "[") {
      const note = this.#tip.kind === "table" ? null : noteMark(line);
      if (!note) return null;
      const block = this.#open("note");
      block.info = note.label;
      cursor.take(note.length);
      cursor.skipColumns(cursor.indent);
      this.#matched++;
      return "container";
    }
    if (interrupting && underline(line)) return null;
    const marker = isRule(line) ? null : listMarker(line);
    if (!marker) return null;
    if (interrupting && (marker.start !== 1 || line.slice(marker.length).trim() === ""))
      return null;
    const indent = cursor.indent;
    let list = this.#spine[this.#matched - 1] as Block;
    if (
      list.kind !== "list" ||
      list.ordered !== marker.ordered ||
      list.delimiter !== marker.delimiter
    ) {
      list = this.#open("list");
      list.ordered = marker.ordered;
      list.start = marker.start;
      list.delimiter = marker.delimiter;
      this.#matched++;
    }
    const item = this.#open("item");
    this.#matched++;
    cursor.take(marker.length);
    const spaces = cursor.indent;
    if (cursor.blank || spaces > 4) {
      item.width = indent + marker.length + 1;
      cursor.skipColumns(1);
    } else {
      item.width = indent + marker.length + spaces;
      cursor.skipColumns(spaces);
    }
    return "container";
  }

  #startLeaf(line: string, above: Block | null, interrupting: boolean): Step {
    const cursor = this.#cursor;
    const title = line[0] === "#" ? heading(line) : null;
    if (title) return this.#single("heading", title.text, title.level);

    const code = line[0] === "`" || line[0] === "~" ? fence(line) : null;
    if (code) {
      const width = cursor.indent;
      const block = this.#open("fence");
      block.width = width;
      block.marker = code.marker;
      block.info = this.#guessing ? "" : code.info;
      this.#blankDepth = -1;
      return "leaf";
    }

    const html =
      line[0] === "<" ? htmlStart(line, above !== null || this.#tip.kind === "table") : null;
    if (html) {
      const block = this.#open("html");
      block.htmlEnd = html.end;
      this.#addCodeLine(block);
      return "leaf";
    }

    const formula = line[0] === "$" || line[0] === "\\" ? mathStart(line) : null;
    if (formula) {
      const block = this.#open("math");
      block.marker = formula.close;
      block.text = formula.text;
      block.closed = formula.complete;
      if (formula.complete) this.#closeFrom(this.#spine.length - 1);
      this.#blankDepth = -1;
      return "leaf";
    }

    if (interrupting && above && !this.#guessing) {
      const level = underline(line);
      if (level && this.#makeHeading(above, level)) return "leaf";
    }
    if (isRule(line)) return this.#single("rule", "", 0);
    return "none";
  }

  #single(kind: Kind, text: string, level: number): Step {
    const block = this.#open(kind);
    block.text = text;
    block.level = level;
    this.#closeFrom(this.#spine.length - 1);
    this.#blankDepth = -1;
    return "leaf";
  }

  #makeHeading(paragraph: Block, level: number): boolean {
    this.#define(paragraph);
    if (paragraph.text.trim() === "") return false;
    paragraph.kind = "heading";
    paragraph.level = level;
    paragraph.text = paragraph.text.trim();
    this.#closeFrom(this.#spine.length - 1);
    this.#blankDepth = -1;
    return true;
  }

  #startsTable(paragraph: Block, line: string): boolean {
    if (!paragraph.mayHead || this.#guessing) return false;
    const aligns = delimiterRow(line);
    const header = aligns && headerRow(paragraph.text.slice(paragraph.lastLine).trim(), aligns);
    if (!header) return false;
    let table = paragraph;
    if (paragraph.lastLine > 0) {
      paragraph.text = paragraph.text.slice(0, paragraph.lastLine - 1);
      table = this.#open("table");
    }
    table.kind = "table";
    table.header = header;
    table.aligns = aligns;
    this.#blankDepth = -1;
    return true;
  }

  #blank(): void {
    this.#closeFrom(Math.min(this.#matched, this.#spine.length));
    this.#noteBlank();
  }

  #noteBlank(): void {
    let depth = this.#spine.length - 1;
    while (depth > 0 && this.#spine[depth]?.kind !== "quote") depth--;
    this.#blankDepth = depth;
  }

  #continueParagraph(paragraph: Block, allMatched: boolean): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (this.#guessing) {
      this.#guessText(paragraph, text);
      return;
    }
    paragraph.lastLine = paragraph.text.length + 1;
    paragraph.mayHead = allMatched && cursor.indent <= 3;
    paragraph.text += `\n${text}`;
  }

  #setText(block: Block, text: string): void {
    if (this.#guessing) block.partial = text;
    else block.text = text;
  }

  #guessText(block: Block, text: string): void {
    block.partial = text;
    this.#undo?.push(() => {
      block.partial = null;
    });
  }

  #addLine(block: Block, text: string): void {
    if (this.#guessing) this.#guessText(block, text);
    else block.lines.push(text);
    this.#blankDepth = -1;
  }

  #addCodeLine(block: Block): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (block.kind === "math") {
      const end = text.trimEnd().endsWith(block.marker);
      if (this.#guessing) {
        this.#guessText(block, text);
      } else {
        block.text += `\n${end ? text.trimEnd().slice(0, -2) : text}`;
        block.closed = end;
        if (end) this.#closeFrom(this.#spine.length - 1);
      }
      this.#blankDepth = -1;
      return;
    }
    this.#addLine(block, text);
    if (cursor.blank) this.#noteBlank();
    if (block.htmlEnd?.test(text) && !this.#guessing) this.#closeFrom(this.#spine.length - 1);
  }

  #addIndented(block: Block): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (cursor.blank) {
      // Kept back until more code follows: blank lines at the end are not part of it.
      if (!this.#guessing) block.text += `${text}\n`;
      this.#noteBlank();
      return;
    }
    if (!this.#guessing && block.text) {
      block.lines.push(...block.text.slice(0, -1).split("\n"));
      block.text = "";
    }
    this.#addLine(block, text);
  }

  /** Opens a block at the cursor's place, closing what cannot hold it. */
  #open(kind: Kind): Block {
    this.#closeFrom(this.#matched);
    let parent = this.#tip;
    while (parent.kind === "list" && kind !== "item") {
      this.#closeFrom(this.#spine.length - 1);
      this.#matched--;
      parent = this.#tip;
    }
    const depth = this.#spine.length - 1;
    if (this.#blankDepth >= 0 && depth >= this.#blankDepth && parent.count > 0) {
      const list = parent.kind === "item" ? parent.parent : parent.kind === "list" ? parent : null;
      if (list?.tight) {
        list.tight = false;
        this.#undo?.push(() => {
          list.tight = true;
        });
      }
    }
    const block = new Block(kind, parent);
    block.guessed = this.#guessing;
    parent.children.push(block);
    parent.count++;
    this.#undo?.push(() => {
      parent.children.pop();
      parent.count--;
    });
    this.#spine.push(block);
    return block;
  }

  #closeFrom(depth: number): void {
    while (this.#spine.length > depth) {
      const block = this.#spine.pop() as Block;
      block.open = false;
      if (this.#undo) {
        this.#undo.push(() => {
          block.open = true;
        });
      } else if (block.kind === "paragraph") {
        this.#define(block);
        block.text = block.text.trim();
        if (!block.text) block.kind = "definition";
      } else if (block.kind === "math" && !block.closed) {
        block.kind = "paragraph";
        block.text = `${block.marker === "$$" ? "$$" : "\\["}${block.text}`;
      }
    }
  }

  /** Takes the link reference definitions off a paragraph's beginning. */
  #define(paragraph: Block): void {
    const taken = takeDefinitions(paragraph.text);
    if (!taken) return;
    paragraph.text = taken.rest;
    for (const label in taken.found) this.onDefinition(label, taken.found[label] as Reference);
  }
}
