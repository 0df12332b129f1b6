import { h } from "../dom/element";
import { type Painted, painter } from "../dom/painter";
import type { AnyModel, WidgetKind, WidgetView } from "../host/kind";
import { type Figures, FiguresTable } from "./figures";

/** A table of streams' figures whose rows Python keeps. */
class RowsView implements WidgetView, Painted {
  readonly root = h("div", { class: "nbstream-group", role: "group" });
  #table = new FiguresTable();

  constructor(private readonly model: AnyModel) {
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
    this.#table.write(this.model.get("rows") as Figures[]);
  }
}

export const table: WidgetKind = (model) => ({
  create: () => new RowsView(model),
});
