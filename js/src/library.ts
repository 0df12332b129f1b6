import { evaluate } from "./evaluate";
import type { LoadPart, PartName } from "./markdown";

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

interface Wanted {
  module: Promise<unknown>;
  arrived(module: Promise<unknown>): void;
}

/** Modules that are not in the first load, fetched from whichever kernel of the page answers first. */
export class Library {
  #kernels = new Set<RuntimeModel>();
  #wanted = new Map<PartName, Wanted>();

  readonly load: LoadPart = (name) => {
    let wanted = this.#wanted.get(name);
    if (wanted === undefined) {
      let arrived: Wanted["arrived"] = () => {};
      const module = new Promise<unknown>((resolve) => {
        arrived = resolve;
      });
      wanted = { module, arrived };
      this.#wanted.set(name, wanted);
      for (const kernel of this.#kernels) kernel.send({ kind: "part", name });
    }
    return wanted.module;
  };

  join(kernel: RuntimeModel, signal: AbortSignal): void {
    this.#kernels.add(kernel);
    signal.addEventListener("abort", () => this.#kernels.delete(kernel), { once: true });
    kernel.on("msg:custom", (message) => {
      if (message.kind !== "part") return;
      this.#wanted.get(message.name)?.arrived(evaluate(message.code));
    });
    for (const name of this.#wanted.keys()) kernel.send({ kind: "part", name });
  }
}
