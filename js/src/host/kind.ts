import type { FromKernel } from "../protocol/frames";
import type { Connection } from "../run/connection";

/** A widget's model, whatever its traits. */
export interface AnyModel {
  get(name: string): unknown;
  on(name: string, callback: (message: unknown) => void): void;
  send(message: unknown): void;
}

/** What shows a widget in the page. It can move; what it shows lives elsewhere. */
export interface WidgetView {
  readonly root: HTMLElement;
  /** It has been put into the page. */
  arrive(): void;
  /** It loses its place; it may get another. */
  leave(): void;
  dispose(): void;
}

/** The widgets that are in the page, for those that show others. */
export interface Widgets {
  /** The connection of a stream's widget. */
  connection(uid: string): Connection | null;
  /** Shows a widget within another's view; null where it has not come yet. */
  mount(uid: string, el: Element): WidgetView | null;
  /** Calls back whenever another widget has come. */
  onArrival(callback: () => void, signal: AbortSignal): void;
}

/** What a widget does: make views, take messages. */
export interface Behaviour {
  /** Where the widget is a stream's. */
  readonly connection?: Connection;
  create(): WidgetView;
  receive?(message: FromKernel): void;
}

/** Says what a widget does, given its model; `signal` tells when the kernel's side is gone. */
export type WidgetKind = (model: AnyModel, widgets: Widgets, signal: AbortSignal) => Behaviour;
