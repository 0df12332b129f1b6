// A table, row by row. While the delimiter row is still to come, a first line between pipes is
// drawn as the header it most probably is.

import type { Block } from "../blocks/block";
import { splitRow } from "../blocks/table";
import { tableBox } from "./boxes";
import { Leaf } from "./leaf";
import { Placer, ROWS } from "./placer";
import type { BlockContext, BlockView } from "./view";

/** Whether an open paragraph is drawn as a table's header. */
export function isHeader(block: Block): boolean {
  if (!block.open || block.kind !== "paragraph" || block.lastLine > 0) return false;
  const line = block.text || block.partial || "";
  return /^\|[ \t]*[^\s|]/.test(line) && (block.text === "" || block.partial === null);
}

/** Later rows go into groups, which the browser can skip; for that all rows become grids. */
const UNGROUPED = 64;

interface Row {
  element: HTMLTableRowElement;
  cells: Leaf[];
}

export class TableView implements BlockView {
  readonly key = "table";
  readonly node: HTMLElement;
  readonly #table: HTMLTableElement;
  readonly #head: Row;
  #body: HTMLTableSectionElement | null = null;
  #more: Placer | null = null;
  #row: Row | null = null;
  #aligns: readonly string[] = [];
  #headDone = false;
  #guessed = false;

  constructor(readonly context: BlockContext) {
    const box = tableBox();
    this.node = box.root;
    this.#table = box.table;
    const head = document.createElement("thead");
    this.#head = { element: document.createElement("tr"), cells: [] };
    head.append(this.#head.element);
    this.#table.append(head);
  }

  draw(block: Block): void {
    if (block.kind === "paragraph") {
      const line = block.text || block.partial || "";
      this.#fill(this.#head, "th", splitRow(line), 0, true);
      return;
    }
    this.#take(block);
    if (block.partial === null) {
      this.#dropGuess();
      return;
    }
    this.#row ??= this.#addRow();
    this.#guessed = true;
    this.#fill(this.#row, "td", splitRow(block.partial), this.#aligns.length, true);
  }

  settle(block: Block): void {
    this.#take(block);
  }

  finish(block: Block): void {
    this.#take(block);
    this.#dropGuess();
  }

  #take(block: Block): void {
    if (!this.#headDone) {
      this.#headDone = true;
      this.#aligns = block.aligns;
      this.#fill(this.#head, "th", block.header, block.header.length, false);
    }
    for (const line of block.lines) {
      const row = this.#row ?? this.#addRow();
      this.#row = null;
      this.#guessed = false;
      this.#fill(row, "td", splitRow(line), this.#aligns.length, false);
    }
    block.lines = [];
  }

  #dropGuess(): void {
    if (this.#guessed && this.#row) this.#removeRow(this.#row.element);
    this.#row = null;
    this.#guessed = false;
  }

  #addRow(): Row {
    const row = { element: document.createElement("tr"), cells: [] };
    if (!this.#body) {
      this.#body = document.createElement("tbody");
      this.#table.append(this.#body);
    }
    if (this.#body.rows.length < UNGROUPED) {
      this.#body.append(row.element);
    } else {
      if (!this.#more) {
        this.#fixColumns();
        this.#more = new Placer(this.#table, "tbody", null, { ...ROWS, ungrouped: 0 });
      }
      this.#more.add(row.element);
    }
    return row;
  }

  #removeRow(row: HTMLElement): void {
    if (this.#more?.count) {
      this.#more.remove(row);
      return;
    }
    row.remove();
    if (this.#body?.rows.length === 0) {
      this.#body.remove();
      this.#body = null;
    }
  }

  /** Keeps the columns as wide as they are by now: rows in groups do not see each other. */
  #fixColumns(): void {
    const widths = this.#head.cells.map(({ element }) => element.getBoundingClientRect().width);
    const measured = widths.every((width) => width > 0);
    const columns = widths.map((width) =>
      measured ? `${Math.ceil(width)}px` : "minmax(6em, 1fr)",
    );
    this.#table.style.setProperty("--columns", columns.join(" "));
    this.#table.className = "md-long";
  }

  /** Brings a row to `texts`, at least `columns` wide and, unless 0, no wider. */
  #fill(row: Row, tag: "th" | "td", texts: string[], columns: number, live: boolean): void {
    const width = columns || texts.length;
    while (row.cells.length > width) {
      row.cells.pop();
      row.element.lastElementChild?.remove();
    }
    for (let i = 0; i < width; i++) {
      let leaf = row.cells[i];
      if (!leaf) {
        const cell = document.createElement(tag);
        row.element.append(cell);
        leaf = new Leaf(cell, this.context);
        row.cells.push(leaf);
      }
      const align = this.#aligns[i];
      if (align && !leaf.element.dataset.align) leaf.element.dataset.align = align;
      leaf.render(texts[i] ?? "", live);
    }
  }
}
