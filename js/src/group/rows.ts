import { h } from "../dom/element";
import { type Painted, painter } from "../dom/painter";
import type { Page, View } from "../host/page";
import type { AnyModel, Kind } from "./kinds";
import { type Figures, FiguresTable } from "./table";

/** A table of streams' figures whose rows Python keeps. */
class RowsView implements View, Painted {
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

  measure(): void {}
}

export const table = (model: AnyModel, _: Page): Kind => ({
  create: () => new RowsView(model),
  receive: () => {},
});
