import type { FromKernel, Model } from "../protocol/model";
import type { RuntimeModel } from "./library";

/** A widget of a stream as its stub hands it over. */
export interface Guest {
  model: Model;
  signal: AbortSignal;
  /** Takes a message: into `early` until the runtime has adopted the guest. */
  receive(message: FromKernel): void;
  /** Shows a view: into `views` until then. */
  show(el: HTMLElement, signal: AbortSignal): void;
  early: FromKernel[];
  views: [HTMLElement, AbortSignal][];
}

/** Where stubs and the runtime of one bundle meet, whichever comes first. */
export interface Hub {
  waiting: Guest[];
  /** When the bundle was last asked for from here, see performance.now(). */
  asked?: number;
  adopt?: (guest: Guest) => void;
  /** One more kernel carries this bundle. */
  join?: (model: RuntimeModel, signal: AbortSignal) => void;
}

/** Modules are evaluated once per widget, so what they share hangs on the page. */
export function hub(bundle: string): Hub {
  const page = globalThis as unknown as Record<string, Hub | undefined>;
  const key = `nbstream:${bundle}`;
  page[key] ??= { waiting: [] };
  return page[key];
}
