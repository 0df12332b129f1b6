import type { Page, View } from "../host/page";
import type { FromKernel } from "../protocol/model";
import { BatchView } from "./batch";
import { chart } from "./feed";
import { table } from "./rows";
import { GroupView } from "./view";

/** A widget's model, whatever its traits. */
export interface AnyModel {
  get(name: string): unknown;
  on(name: string, callback: (message: unknown) => void): void;
  send(message: unknown): void;
}

/** What a kind of widget does with its model: make views, take messages. */
export interface Kind {
  create(): View;
  receive(message: FromKernel): void;
}

const group = (model: AnyModel, page: Page): Kind => ({
  create: () => new GroupView(model, page),
  receive: () => {},
});

const batch = (model: AnyModel, page: Page): Kind => ({
  create: () => new BatchView(model, page),
  receive: () => {},
});

/** The widgets that are not a stream's, by their trait `kind`. */
export const KINDS = { group, batch, chart, table };

export function isKind(kind: unknown): kind is keyof typeof KINDS {
  return typeof kind === "string" && Object.hasOwn(KINDS, kind);
}
