import type { LoadModule } from "../markdown";
import type { ModuleName } from "../protocol/traits";
import { evaluate } from "./evaluate";
import type { RuntimeModel } from "./runtime";

interface Wanted {
  module: Promise<unknown>;
  arrive(module: Promise<unknown>): void;
  arrived: boolean;
  /** Who was asked, since the last time everybody was. */
  asked: Set<RuntimeModel>;
}

const PATIENCE = 2000;

/** Modules that are not in the first load, fetched from one kernel of the page or, if it is silent, the next. */
export class Library {
  /** `own`: modules that came with the first load, but are not evaluated with it. */
  constructor(private readonly own: Partial<Record<ModuleName, () => Promise<unknown>>> = {}) {}

  #kernels = new Set<RuntimeModel>();
  #wanted = new Map<ModuleName, Wanted>();

  readonly load: LoadModule = (name) => {
    const own = this.own[name];
    if (own) return own();
    let wanted = this.#wanted.get(name);
    if (wanted === undefined) {
      let arrive: Wanted["arrive"] = () => {};
      const module = new Promise<unknown>((resolve) => {
        arrive = resolve;
      });
      wanted = { module, arrive, arrived: false, asked: new Set() };
      this.#wanted.set(name, wanted);
      this.#ask(name, wanted, PATIENCE);
    }
    return wanted.module;
  };

  addKernel(kernel: RuntimeModel, signal: AbortSignal): void {
    this.#kernels.add(kernel);
    signal.addEventListener("abort", () => this.#kernels.delete(kernel), { once: true });
    kernel.on("msg:custom", (message) => {
      if (message.kind !== "module") return;
      const wanted = this.#wanted.get(message.name);
      if (wanted === undefined || wanted.arrived) return;
      wanted.arrived = true;
      wanted.arrive(evaluate(message.code));
    });
    for (const [name, wanted] of this.#wanted) {
      if (!wanted.arrived && wanted.asked.size === 0) this.#send(kernel, name, wanted);
    }
  }

  #ask(name: ModuleName, wanted: Wanted, patience: number): void {
    if (wanted.arrived) return;
    const kernels = [...this.#kernels];
    if (kernels.every((kernel) => wanted.asked.has(kernel))) wanted.asked.clear();
    const kernel = kernels.find((each) => !wanted.asked.has(each));
    if (kernel !== undefined) this.#send(kernel, name, wanted);
    setTimeout(() => this.#ask(name, wanted, 2 * patience), patience);
  }

  #send(kernel: RuntimeModel, name: ModuleName, wanted: Wanted): void {
    wanted.asked.add(kernel);
    kernel.send({ kind: "module", name });
  }
}
