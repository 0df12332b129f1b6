import type { Options } from "../protocol/traits";
import type { Store } from "../run/store";
import { ChartPanel } from "./panel";
import { ChartToggle } from "./toggle";

/** A stream's chart: a sparkline to click, and what opens then. Closed it costs one small path. */
export class Chart {
  readonly toggle: ChartToggle;
  #panel: ChartPanel | null = null;

  constructor(
    private readonly store: Store,
    private readonly put: (panel: HTMLElement) => void,
    private readonly onScrub: (seconds: number | null) => void,
    option: Options["chart"],
  ) {
    this.toggle = new ChartToggle(store, (open) => this.#show(open));
    if (option === "open") queueMicrotask(() => this.toggle.node.click());
  }

  write(): void {
    this.toggle.write();
    this.#panel?.write();
  }

  /** Nothing new, but the time went on. */
  tick(): void {
    this.#panel?.write(true);
  }

  point(seconds: number | null): void {
    this.#panel?.point(seconds);
  }

  dispose(): void {
    this.#panel?.dispose();
    this.#panel = null;
  }

  #show(open: boolean): void {
    this.dispose();
    if (!open) return;
    this.#panel = new ChartPanel(this.store, this.onScrub);
    this.put(this.#panel.node);
    this.#panel.write(true);
  }
}
