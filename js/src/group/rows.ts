import { dollars } from "../chart/panel";
import type { Page, View } from "../page";
import { type Painted, painter } from "../painter";
import { h, setText } from "../views/dom";
import { count, rate, seconds } from "../views/format";
import type { AnyModel, Kind } from "./kinds";

interface Row {
  name: string;
  status: string;
  ttft: number | null;
  tokens_per_second: number | null;
  output_tokens: number;
  cost: number | null;
  elapsed: number | null;
  token_source: string;
  finish_reason: string | null;
}

const HEADS = ["model", "first token", "tok/s", "tokens", "cost", "time", "finish"];

/** A table of streams' figures whose rows Python keeps. */
class RowsView implements View, Painted {
  readonly root = h("div", { class: "nbstream-group", role: "group" });
  #body = h("tbody", {});

  constructor(private readonly model: AnyModel) {
    const heads = HEADS.map((head) => h("th", { scope: "col" }, head));
    const table = h("table", { class: "nbs-table", "data-part": "figures" });
    table.append(h("thead", {}, h("tr", {}, ...heads)), this.#body);
    this.root.append(table);
    model.on("change:rows", () => painter.request(this));
  }

  arrive(): void {
    painter.request(this);
  }

  leave(): void {}

  dispose(): void {
    painter.forget(this);
  }

  write(): void {
    const rows = this.model.get("rows") as Row[];
    if (this.#body.children.length !== rows.length) {
      this.#body.replaceChildren(
        ...rows.map(() => h("tr", {}, ...HEADS.map((_, i) => h(i ? "td" : "th", {})))),
      );
    }
    rows.forEach((row, r) => {
      const cells = (this.#body.children[r] as Element).children;
      textsOf(row).forEach((text, c) => {
        setText(cells[c] as Element, text);
      });
    });
  }

  measure(): void {}
}

function textsOf(row: Row): string[] {
  const sign = row.token_source === "provider" || row.token_source === "server" ? "" : "~";
  return [
    row.name,
    row.ttft === null ? "" : seconds(row.ttft),
    row.tokens_per_second === null ? "" : sign + rate(row.tokens_per_second),
    row.output_tokens ? sign + count(row.output_tokens) : "",
    row.cost === null ? "" : dollars(row.cost),
    row.elapsed === null ? "" : seconds(row.elapsed),
    row.finish_reason ?? row.status,
  ];
}

export const table = (model: AnyModel, _: Page): Kind => ({
  create: () => new RowsView(model),
  receive: () => {},
});
