import type { ModuleName } from "../markdown";
import type { FromKernel } from "../protocol/frames";

/** The part of the runtime widget's model that is used here. */
export interface RuntimeModel {
  get(name: "bundle"): string;
  on(name: "msg:custom", callback: (message: RuntimeMessage) => void): void;
  send(message: RuntimeRequest): void;
}

export type RuntimeRequest =
  | { kind: "bundle" }
  | { kind: "ready"; hydrates: boolean }
  | { kind: "part"; name: ModuleName };

export type RuntimeMessage =
  | { kind: "bundle"; code: string; css: string }
  | { kind: "part"; name: ModuleName; code: string }
  | { kind: "posts"; posts: Record<string, FromKernel> };
