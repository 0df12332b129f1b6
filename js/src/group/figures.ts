import { h, setText, toggle } from "../dom/element";
import { count, dollars, rate, seconds } from "../dom/format";
import type { Row } from "../protocol/traits";

/** A row; `colour` is a CSS variable: without one there is no swatch. */
export interface Line extends Omit<Row, "model"> {
  colour?: string;
}

interface Column {
  name: string;
  text(row: Line): string;
  /** What is compared, the smaller the better. */
  value?(row: Line): number | null;
}

const COLUMNS: Column[] = [
  { name: "first token", text: (row) => known(row.ttft, seconds), value: (row) => row.ttft },
  {
    name: "tok/s",
    text: (row) => known(row.tokens_per_second, (value) => estimated(row) + rate(value)),
    value: ({ tokens_per_second }) => (tokens_per_second === null ? null : -tokens_per_second),
  },
  {
    name: "tokens",
    text: (row) => (row.output_tokens ? estimated(row) + count(row.output_tokens) : ""),
  },
  { name: "cost", text: (row) => known(row.cost, dollars), value: (row) => row.cost },
  { name: "time", text: (row) => known(row.elapsed, seconds), value: (row) => row.elapsed },
  { name: "finish", text: (row) => row.finish_reason ?? row.status },
];

/** The figures of several streams, the best of each column marked. A column that nobody fills is not shown. */
export class FiguresTable {
  readonly node = h("table", { class: "nbs-figures", "data-part": "figures" });
  #heads = COLUMNS.map(({ name }) => h("th", { scope: "col" }, name));
  #body = h("tbody", {});

  constructor() {
    const names = h("th", { scope: "col" }, "model");
    this.node.append(h("thead", {}, h("tr", {}, names, ...this.#heads)), this.#body);
  }

  write(rows: Line[]): void {
    if (this.#body.children.length !== rows.length) {
      this.#body.replaceChildren(...rows.map(emptyRow));
    }
    rows.forEach(({ name, colour }, r) => {
      const [swatch, label] = (this.#body.children[r] as Element).children[0]?.children ?? [];
      if (label) setText(label, name);
      if (swatch && colour) (swatch as HTMLElement).style.background = `var(${colour})`;
      toggle(swatch as HTMLElement, colour !== undefined);
    });
    COLUMNS.forEach((column, c) => {
      const texts = rows.map(column.text);
      const shown = column.name !== "cost" || texts.some((text) => text !== "");
      toggle(this.#heads[c] as HTMLElement, shown);
      const best = bestOf(column, rows);
      texts.forEach((text, r) => {
        const cell = (this.#body.children[r] as Element).children[c + 1] as HTMLElement;
        setText(cell, text);
        toggle(cell, shown);
        cell.classList.toggle("nbs-best", best.has(r));
      });
    });
  }
}

/** The rows that are best in a column, among those that did not fail, where there are two to compare. */
function bestOf({ value }: Column, rows: Line[]): Set<number> {
  const values = rows.map((row) =>
    row.status === "error" || row.status === "stopped" ? null : (value?.(row) ?? null),
  );
  const known = values.filter((each) => each !== null);
  const least = Math.min(...known);
  const best = values.flatMap((each, r) => (each === least ? [r] : []));
  return new Set(known.length > 1 ? best : []);
}

function emptyRow(): HTMLElement {
  const head = h("th", { scope: "row" }, h("span", { class: "nbs-swatch" }), h("span", {}));
  return h("tr", {}, head, ...COLUMNS.map(() => h("td", {})));
}

function estimated({ token_source }: Line): string {
  return token_source === "provider" || token_source === "server" ? "" : "~";
}

function known(value: number | null, format: (value: number) => string): string {
  return value === null ? "" : format(value);
}
