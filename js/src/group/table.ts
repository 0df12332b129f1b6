import { dollars } from "../chart/panel";
import type { Connection } from "../connection";
import { h, setText } from "../views/dom";
import { count, rate, seconds, ticking } from "../views/format";

interface Column {
  name: string;
  text(connection: Connection): string;
  /** What is compared, the smaller the better; null where there is nothing to compare. */
  value?(connection: Connection): number | null;
}

const measured = ({ store }: Connection) => store.metrics;

const COLUMNS: Column[] = [
  {
    name: "first token",
    text: (each) => known(measured(each)?.ttft, seconds),
    value: (each) => measured(each)?.ttft ?? null,
  },
  {
    name: "tok/s",
    text: (each) => estimated(each) + known(measured(each)?.tokens_per_second, rate),
    value: (each) => negative(measured(each)?.tokens_per_second),
  },
  {
    name: "tokens",
    text: (each) => estimated(each) + known(measured(each)?.output_tokens, count),
  },
  {
    name: "cost",
    text: (each) => known(measured(each)?.cost, dollars),
    value: (each) => measured(each)?.cost ?? null,
  },
  {
    name: "time",
    text: ({ store }) =>
      store.ended ? seconds(store.metrics?.elapsed ?? store.state.time) : ticking(store.now),
    value: ({ store }) => (store.state.status === "done" ? (store.metrics?.elapsed ?? null) : null),
  },
  {
    name: "finish",
    text: ({ store }) => store.state.finish_reason ?? store.state.status,
  },
];

/** The figures of several streams, the best of each column marked. */
export class FiguresTable {
  readonly node = h("table", { class: "nbs-table", "data-part": "figures" });
  #body = h("tbody", {});

  constructor() {
    const heads = COLUMNS.map(({ name }) => h("th", { scope: "col" }, name));
    this.node.append(h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "model"), ...heads)));
    this.node.append(this.#body);
  }

  write(rows: { name: string; colour: string; connection: Connection | null }[]): void {
    if (this.#body.children.length !== rows.length) {
      this.#body.replaceChildren(...rows.map(() => emptyRow()));
    }
    const best = COLUMNS.map(({ value }) => {
      const values = rows.map(({ connection }) => (connection && value?.(connection)) ?? null);
      const there = values.filter((each) => each !== null);
      const least = Math.min(...there);
      return values.map((each) => there.length > 1 && each === least);
    });
    rows.forEach(({ name, colour, connection }, r) => {
      const [head, ...cells] = (this.#body.children[r] as HTMLElement).children;
      const [swatch, label] = (head as HTMLElement).children;
      if (label) setText(label, name);
      (swatch as HTMLElement).style.background = `var(${colour})`;
      COLUMNS.forEach(({ text }, c) => {
        const cell = cells[c] as HTMLElement;
        setText(
          cell,
          connection?.store.metrics || c > 3 ? (connection ? text(connection) : "") : "",
        );
        cell.classList.toggle("nbs-best", best[c]?.[r] ?? false);
      });
    });
  }
}

function emptyRow(): HTMLElement {
  const swatch = h("span", { class: "nbs-swatch" });
  const head = h("th", { scope: "row" }, swatch, h("span", {}));
  return h("tr", {}, head, ...COLUMNS.map(() => h("td", {})));
}

function estimated(connection: Connection): string {
  const source = measured(connection)?.token_source;
  return source === "provider" || source === "server" || !measured(connection)?.output_tokens
    ? ""
    : "~";
}

function known(value: number | null | undefined, format: (value: number) => string): string {
  return value == null ? "" : format(value);
}

function negative(value: number | null | undefined): number | null {
  return value == null ? null : -value;
}
