import type { Metrics, Status } from "../run/store";
import type { WireEvent } from "./events";

export interface Snapshot {
  n?: number;
  events?: WireEvent[];
  metrics?: Metrics | null;
  samples?: number[];
}

export interface Options {
  chart?: boolean | "open";
  thinking?: "auto" | "hidden";
  format?: "markdown" | "text" | "code" | "json";
  title?: string;
  note?: string;
}

/** The traits of a stream's widget, see nbstream/widget.py. */
export interface StreamTraits {
  uid: string;
  /** The id of the shared runtime bundle this widget was made for. */
  bundle: string;
  /** `IPY_MODEL_<id>` of the widget that carries the bundle; empty where each carries it. */
  runtime: string;
  /** The ids of the widgets that this one shows. */
  children: string[];
  status: Status;
  /** Stop must interrupt the kernel: it cannot hear messages while a cell runs. */
  interruptible: boolean;
  /** The whole run so far; filled only when a front end asks for the full state, e.g. after a reload. */
  snapshot: Snapshot;
  options: Options;
}

export type FromKernel =
  | { kind: "frame"; n: number; events: WireEvent[]; metrics?: Metrics; samples?: number[] }
  | {
      kind: "frames";
      after: number;
      n: number;
      events: WireEvent[];
      metrics?: Metrics;
      samples?: number[];
    }
  | { kind: "history"; events: WireEvent[] }
  | { kind: "beat"; n: number }
  | { kind: "ack"; action: "stop" };

export type ToKernel =
  | { kind: "bundle" }
  | { kind: "hello"; have: number }
  | { kind: "stop" }
  | { kind: "history" }
  | { kind: "attend" }
  | { kind: "approve"; call_id: string; decision: "approved" | "denied" };

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
