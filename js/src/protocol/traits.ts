import type { Snapshot } from "./frames";

export type Status = "pending" | "running" | "done" | "stopped" | "error";

export interface Options {
  chart?: boolean | "open";
  thinking?: "auto" | "hidden";
  format?: "markdown" | "text" | "code" | "json";
  title?: string;
  note?: string;
}

/** The traits of a stream's widget, as Python declares them. */
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
