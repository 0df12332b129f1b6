import type { WireEvent } from "../protocol/events";
import type { Options } from "../protocol/traits";
import { Store } from "../run/store";
import { Body } from "./body";
import type { PartContext } from "./part";

/** A run as it stood at an earlier time: the same fold and the same view, of fewer events. */
export class Replay {
  readonly body: Body;
  #store = new Store();
  #applied = 0;

  constructor(
    private readonly events: WireEvent[],
    options: Options,
    context: PartContext,
  ) {
    this.body = new Body(this.#store, options, context);
    this.#store.subscribe((change) => {
      if (change.kind === "part") this.body.grew(change.part);
      else if (change.kind === "parts") this.body.invalidate();
    }, new AbortController().signal);
  }

  /** Draws what had been said `seconds` after the run began. */
  show(seconds: number): void {
    const wanted = this.events.findIndex((event) => ((event.time as number) ?? 0) > seconds);
    const count = wanted < 0 ? this.events.length : wanted;
    if (count >= this.#applied) this.#store.apply(this.events.slice(this.#applied, count));
    else this.#store.restart(this.events.slice(0, count));
    this.#applied = count;
    this.body.write();
    this.body.measure();
  }
}
