import { h } from "../dom/element";
import type { LoadModule } from "../markdown";
import type { Options } from "../protocol/traits";
import type { Store } from "../run/store";
import { draw, expectDrawing } from "./drawing";
import type { ChartPanel } from "./panel";
import { ChartToggle } from "./toggle";

/** A stream's chart: a sparkline to click, and what opens then. Closed it costs one small path. */
export class Chart {
  readonly toggle: ChartToggle;
  #panel: ChartPanel | null = null;
  /** Where the panel will be. */
  #place: HTMLElement | null = null;

  constructor(
    private readonly store: Store,
    private readonly load: LoadModule,
    private readonly put: (panel: HTMLElement) => void,
    private readonly onScrub: (seconds: number | null) => void,
    option: Options["chart"],
  ) {
    this.toggle = new ChartToggle(store, (open) => this.#show(open));
    if (option === "open") queueMicrotask(() => this.toggle.node.click());
  }

  write(): void {
    this.toggle.write();
    if (!this.toggle.node.hidden) expectDrawing(this.load);
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
    this.#place?.remove();
    this.#panel = this.#place = null;
  }

  #show(open: boolean): void {
    this.dispose();
    if (!open) return;
    const place = h("div", { "data-part": "chart", class: "nbs-chart-place" });
    this.#place = place;
    this.put(place);
    draw(this.load, place, ({ ChartPanel }) => {
      if (this.#place !== place) return; // It was closed again.
      this.#panel = new ChartPanel(this.store, this.onScrub);
      place.replaceWith(this.#panel.node);
      this.#panel.write(true);
    });
  }
}
