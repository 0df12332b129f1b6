import type { ToKernel } from "./requests";
import type { StreamTraits } from "./traits";

interface WidgetManager {
  get_model?(id: string): Promise<unknown>;
  /** JupyterLab and Notebook have it, other hosts may not. */
  kernel?: { interrupt?(): Promise<unknown> };
}

/** The part of anywidget's model that nbstream uses. */
export interface Model {
  get<K extends keyof StreamTraits>(name: K): StreamTraits[K];
  on(name: string, callback: (message: unknown) => void): void;
  send(message: ToKernel): void;
  widget_manager?: WidgetManager;
}
