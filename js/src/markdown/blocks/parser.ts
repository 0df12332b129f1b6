// The block structure, a line at a time. Each complete line is read once; the line still arriving
// is read as a guess, which is undone before the next. The algorithm is CommonMark's (match the
// open containers, then look for new ones, then place the text) with GFM's tables.

import type { Block, BlockKind } from "./block";
import { Cursor } from "./cursor";
import { mayCloseFence, undecided } from "./guess";
import { BlockStack, type OnDefinition } from "./stack";
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
import { trim } from "./white_space";

const MAX_DEPTH = 100;

type Opened = "container" | "leaf" | "none";

export class BlockParser {
  readonly #stack: BlockStack;
  // The line being read, and how many of the open blocks go on with it.
  #cursor = new Cursor("");
  #matched = 1;

  constructor(onDefinition: OnDefinition) {
    this.#stack = new BlockStack(onDefinition);
  }

  get root(): Block {
    return this.#stack.root;
  }

  /** Reads a complete line. */
  line(text: string): void {
    this.#stack.rollback();
    this.#read(text);
  }

  /** Reads the line that is still arriving, until `rollback`. */
  guess(text: string): void {
    this.#stack.rollback();
    this.#stack.startGuess();
    this.#read(text);
  }

  rollback(): void {
    this.#stack.rollback();
  }

  /** Closes everything: there is no more text. */
  end(): void {
    this.#stack.rollback();
    this.#stack.closeFrom(0);
  }

  get #guessing(): boolean {
    return this.#stack.guessing;
  }

  get #tip(): Block {
    return this.#stack.tip;
  }

  #read(text: string): void {
    this.#cursor = new Cursor(text);
    this.#matched = 1;
    const before = this.#stack.depth;
    if (this.#matchOpen()) return;
    const allMatched = this.#matched === before;
    const deepest = this.#stack.at(this.#matched - 1);
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
      if (opened) this.#stack.noteText();
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
    if (!cursor.blank) this.#stack.noteText();
  }

  /** The paragraph this line may go on, lazily or not. */
  #paragraphAbove(opened: boolean): Block | null {
    return !opened && this.#tip.kind === "paragraph" ? this.#tip : null;
  }

  /** Follows the open blocks as far as this line goes on with them. True if it was used up. */
  #matchOpen(): boolean {
    const cursor = this.#cursor;
    for (; this.#matched < this.#stack.depth; this.#matched++) {
      const block = this.#stack.at(this.#matched);
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
            this.#stack.closeFrom(this.#matched);
            this.#stack.noteText();
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

  /** Opens a block at the cursor's place, closing what the line does not go on with. */
  #open(kind: BlockKind): Block {
    const block = this.#stack.open(kind, this.#matched);
    if (block.isContainer) this.#matched = this.#stack.depth;
    return block;
  }

  #takeQuoteMark(): void {
    this.#cursor.take(1);
    this.#cursor.skipColumns(1);
  }

  /** Opens at most one block at the cursor. */
  #start(opened: boolean): Opened {
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
    const interrupting = above !== null && this.#matched === this.#stack.depth - 1;
    if (interrupting && this.#startsTable(above, line)) return "leaf";
    return this.#startContainer(line, interrupting) ?? this.#startLeaf(line, above, interrupting);
  }

  #startContainer(line: string, interrupting: boolean): Opened | null {
    const cursor = this.#cursor;
    if (this.#matched >= MAX_DEPTH) return null;
    if (line[0] === ">") {
      this.#open("quote");
      this.#takeQuoteMark();
      return "container";
    }
    if (line[0] === "[") {
      const note = this.#tip.kind === "table" ? null : noteMark(line);
      if (!note) return null;
      const block = this.#open("note");
      block.info = note.label;
      cursor.take(note.length);
      cursor.skipColumns(cursor.indent);
      return "container";
    }
    if (interrupting && underline(line)) return null;
    const marker = isRule(line) ? null : listMarker(line);
    if (!marker) return null;
    if (interrupting && (marker.start !== 1 || line.slice(marker.length).trim() === ""))
      return null;
    const indent = cursor.indent;
    let list = this.#stack.at(this.#matched - 1);
    if (
      list.kind !== "list" ||
      list.ordered !== marker.ordered ||
      list.delimiter !== marker.delimiter
    ) {
      list = this.#open("list");
      list.ordered = marker.ordered;
      list.start = marker.start;
      list.delimiter = marker.delimiter;
    }
    const item = this.#open("item");
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

  #startLeaf(line: string, above: Block | null, interrupting: boolean): Opened {
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
      this.#stack.noteText();
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
      if (formula.complete) this.#stack.closeTip();
      this.#stack.noteText();
      return "leaf";
    }

    if (interrupting && above && !this.#guessing) {
      const level = underline(line);
      if (level && this.#makeHeading(above, level)) return "leaf";
    }
    if (isRule(line)) return this.#single("rule", "", 0);
    return "none";
  }

  #single(kind: BlockKind, text: string, level: number): Opened {
    const block = this.#open(kind);
    block.text = text;
    block.level = level;
    this.#stack.closeTip();
    this.#stack.noteText();
    return "leaf";
  }

  #makeHeading(paragraph: Block, level: number): boolean {
    this.#stack.define(paragraph);
    paragraph.text = trim(paragraph.text);
    if (paragraph.text === "") return false;
    paragraph.kind = "heading";
    paragraph.level = level;
    this.#stack.closeTip();
    this.#stack.noteText();
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
    this.#stack.noteText();
    return true;
  }

  #blank(): void {
    this.#stack.closeFrom(Math.min(this.#matched, this.#stack.depth));
    this.#stack.noteBlank();
  }

  #continueParagraph(paragraph: Block, allMatched: boolean): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (this.#guessing) {
      this.#stack.guessText(paragraph, text);
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

  #addLine(block: Block, text: string): void {
    if (this.#guessing) this.#stack.guessText(block, text);
    else block.lines.push(text);
    this.#stack.noteText();
  }

  #addCodeLine(block: Block): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (block.kind === "math") {
      const end = text.trimEnd().endsWith(block.marker);
      if (this.#guessing) {
        this.#stack.guessText(block, text);
      } else {
        block.text += `\n${end ? text.trimEnd().slice(0, -2) : text}`;
        block.closed = end;
        if (end) this.#stack.closeTip();
      }
      this.#stack.noteText();
      return;
    }
    this.#addLine(block, text);
    if (cursor.blank) this.#stack.noteBlank();
    if (block.htmlEnd?.test(text) && !this.#guessing) this.#stack.closeTip();
  }

  #addIndented(block: Block): void {
    const cursor = this.#cursor;
    const text = cursor.text();
    if (cursor.blank) {
      // Kept back until more code follows: blank lines at the end are not part of it.
      if (!this.#guessing) block.text += `${text}\n`;
      this.#stack.noteBlank();
      return;
    }
    if (!this.#guessing && block.text) {
      block.lines.push(...block.text.slice(0, -1).split("\n"));
      block.text = "";
    }
    this.#addLine(block, text);
  }
}
