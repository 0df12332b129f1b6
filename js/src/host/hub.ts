import type { FromKernel } from "../protocol/frames";
import type { Model } from "../run/model";
import type { RuntimeModel } from "./runtime";

/** A widget as its stub hands it over. */
export interface Widget {
  model: Model;
  signal: AbortSignal;
  /** Takes a message: into `early` until the runtime has taken the widget. */
  receive(message: FromKernel): void;
  /** Shows a view: into `views` until then. */
  show(el: HTMLElement, signal: AbortSignal): void;
  early: FromKernel[];
  views: [HTMLElement, AbortSignal][];
}

/** The rendezvous of one bundle's stubs and its runtime, whichever comes first. */
export interface Hub {
  pending: Widget[];
  /** When the bundle was last asked for from here, see performance.now(). */
  asked?: number;
  add?: (widget: Widget) => void;
  /** One more kernel carries this bundle. */
  addKernel?: (model: RuntimeModel, signal: AbortSignal) => void;
}

/** Modules are evaluated once per widget, so what they share hangs on the page. */
export function hubOf(bundle: string): Hub {
  const page = globalThis as unknown as Record<string, Hub | undefined>;
  const key = `nbstream:${bundle}`;
  page[key] ??= { pending: [] };
  return page[key];
}
