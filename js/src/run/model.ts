import type { ToKernel } from "../protocol/requests";
import type { StreamTraits } from "../protocol/traits";

interface WidgetManager {
  get_model?(id: string): Promise<unknown>;
  /** JupyterLab and Notebook have it, other hosts may not. */
  kernel?: { interrupt?(): Promise<unknown> };
}

/** The part of anywidget's model that nbstream uses. */
export interface ModelOf<Traits, Request> {
  get<K extends keyof Traits>(name: K): Traits[K];
  on(name: string, callback: (message: unknown) => void): void;
  send(message: Request): void;
  widget_manager?: WidgetManager;
}

/** A stream's. */
export type Model = ModelOf<StreamTraits, ToKernel>;
