import { h } from "../dom/element";
import { type Painted, painter } from "../dom/painter";
import type { WidgetKind, WidgetView } from "../host/kind";
import type { TableTraits } from "../protocol/traits";
import type { ModelOf } from "../run/model";
import { FiguresTable } from "./figures";

type TableModel = ModelOf<TableTraits, never>;

/** A table of streams' figures whose rows Python keeps. */
class RowsView implements WidgetView, Painted {
  readonly root = h("div", { class: "nbstream-group", role: "group" });
  #table = new FiguresTable();

  constructor(private readonly model: TableModel) {
    this.root.append(this.#table.node);
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
    this.#table.write(this.model.get("rows"));
  }
}

export const table: WidgetKind = (model) => ({
  create: () => new RowsView(model as unknown as TableModel),
});
