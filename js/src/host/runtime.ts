import type { PartName } from "../markdown";

/** The part of the runtime widget's model that is used here. */
export interface RuntimeModel {
  get(name: "bundle"): string;
  on(name: "msg:custom", callback: (message: RuntimeMessage) => void): void;
  send(message: RuntimeRequest): void;
}

export type RuntimeRequest =
  | { kind: "bundle" }
  | { kind: "ready"; hydrates: boolean }
  | { kind: "part"; name: PartName };

export type RuntimeMessage =
  | { kind: "bundle"; code: string; css: string }
  | { kind: "part"; name: PartName; code: string };
