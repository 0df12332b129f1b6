import type { FromKernel } from "../src/protocol/frames";
import type { ToKernel } from "../src/protocol/requests";
import type { StreamTraits } from "../src/protocol/traits";
import type { Model } from "../src/run/model";

const TRAITS: StreamTraits = {
  kind: "",
  uid: "u1",
  model: "",
  bundle: "b1",
  runtime: "IPY_MODEL_r1",
  children: [],
  status: "pending",
  interruptible: false,
  snapshot: {},
  options: {},
};

/** A widget model whose kernel is the test. */
export class FakeModel implements Model {
  readonly sent: ToKernel[] = [];
  readonly traits: StreamTraits;
  widget_manager: NonNullable<Model["widget_manager"]> = {};
  #callbacks = new Map<string, ((message: unknown) => void)[]>();

  constructor(traits: Partial<StreamTraits> = {}) {
    this.traits = { ...TRAITS, ...traits };
  }

  get<K extends keyof StreamTraits>(name: K): StreamTraits[K] {
    return this.traits[name];
  }

  on(name: string, callback: (message: unknown) => void): void {
    this.#callbacks.set(name, [...(this.#callbacks.get(name) ?? []), callback]);
  }

  send(message: ToKernel): void {
    this.sent.push(message);
  }

  /** The kernel says something. */
  say(message: FromKernel): void {
    this.trigger("msg:custom", message);
  }

  trigger(name: string, message?: unknown): void {
    for (const callback of this.#callbacks.get(name) ?? []) callback(message);
  }
}
