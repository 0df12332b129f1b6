import "../src/entries/nbstream.css";
import * as chartModule from "../src/chart/module";
import { widgetKinds } from "../src/entries/kinds";
import { Registry } from "../src/host/registry";
import type { LoadModule } from "../src/markdown";
import type { WireEvent } from "../src/protocol/events";
import type { FromKernel } from "../src/protocol/frames";
import type { Figures } from "../src/protocol/metrics";
import type { StreamTraits } from "../src/protocol/traits";
import { FakeModel } from "./fake_model";

export const START: WireEvent = { type: "run_start", run_id: "r", model: "m-1" };
export const end = (finish_reason = "stop"): WireEvent => ({
  type: "run_end",
  finish_reason,
  time: 9,
});
export const text = (text: string, block = 0): WireEvent => ({
  type: "text_delta",
  block,
  text,
  time: 1,
});

export const METRICS: Partial<Figures> = {
  ttft: 0.3,
  elapsed: 8.6,
  output_tokens: 412,
  token_source: "provider",
  tokens_per_second: 48,
};

/** Two frames: what was asked for before the call is painted. */
export async function painted(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
}

/** What the kernel would send, as far as these tests need it. */
export const loadModule: LoadModule = (name) =>
  name === "chart" ? Promise.resolve(chartModule) : Promise.reject(new Error("no kernel to ask"));

let registry: Registry | undefined;
let uids = 0;

/** A stream on the page, and the test as its kernel. */
export class Stage {
  readonly model: FakeModel;
  readonly closing = new AbortController();
  #n = 0;
  #show: (el: HTMLElement, signal: AbortSignal) => void;

  constructor(traits: Partial<StreamTraits> = {}) {
    registry ??= new Registry(document, widgetKinds(loadModule));
    this.model = new FakeModel({ uid: `stage-${++uids}`, ...traits });
    const widget = {
      model: this.model,
      signal: this.closing.signal,
      early: [] as FromKernel[],
      views: [] as [HTMLElement, AbortSignal][],
      receive: (_: FromKernel) => {},
      show: (_: HTMLElement, __: AbortSignal) => {},
    };
    registry.add(widget);
    this.#show = (el, signal) => widget.show(el, signal);
    this.model.on("msg:custom", (message) => widget.receive(message as FromKernel));
  }

  /** Renders the widget once more, as an output area of the notebook does. */
  show(parent: Element = document.body): {
    el: HTMLElement;
    root: HTMLElement;
    remove: () => void;
  } {
    const el = document.createElement("div");
    parent.append(el);
    const view = new AbortController();
    this.#show(el, view.signal);
    const remove = () => {
      view.abort();
      el.remove();
    };
    return { el, root: el.querySelector(".nbstream") as HTMLElement, remove };
  }

  send(events: WireEvent[], metrics?: Partial<Figures>): void {
    this.#n += 1;
    this.model.say({ kind: "frame", n: this.#n, events, ...(metrics ? { metrics } : {}) });
  }

  async say(...events: WireEvent[]): Promise<void> {
    this.send(events);
    await painted();
  }
}
