/** A widget's model for tests: traits that change, messages that are kept. */
export class Traits {
  readonly sent: unknown[] = [];
  #callbacks = new Map<string, ((value: unknown) => void)[]>();

  constructor(readonly values: Record<string, unknown>) {}

  get(name: string): unknown {
    return this.values[name];
  }

  on(name: string, callback: (value: unknown) => void): void {
    this.#callbacks.set(name, [...(this.#callbacks.get(name) ?? []), callback]);
  }

  send(message: unknown): void {
    this.sent.push(message);
  }

  change(name: string, value: unknown): void {
    this.values[name] = value;
    for (const callback of this.#callbacks.get(`change:${name}`) ?? []) callback(value);
  }
}
