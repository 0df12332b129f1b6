import { h } from "../dom/element";
import type { Store } from "../run/store";
import { curve } from "./curve";

const WIDTH = 56;
const HEIGHT = 14;
const POINTS = 56;
const SVG = "http://www.w3.org/2000/svg";

/** A button that shows the stream's speed as a sparkline and opens its chart. */
export class ChartToggle {
  readonly node = h("button", {
    type: "button",
    class: "nbs-button nbs-spark",
    "data-action": "chart",
    "aria-expanded": "false",
    "aria-label": "Chart",
    title: "Speed chart",
  });
  #line = document.createElementNS(SVG, "path");
  #drawn = -1;

  constructor(
    private readonly store: Store,
    onToggle: (open: boolean) => void,
  ) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("aria-hidden", "true");
    svg.append(this.#line);
    this.node.hidden = true;
    this.node.append(svg);
    this.node.addEventListener("click", (event) => {
      event.stopPropagation();
      const open = this.node.getAttribute("aria-expanded") !== "true";
      this.node.setAttribute("aria-expanded", String(open));
      onToggle(open);
    });
  }

  write(): void {
    const { samples, ended, metrics } = this.store;
    // What came at once has no speed to look at.
    const speedless = ended && metrics !== null && metrics.tokens_per_second == null;
    this.node.hidden = samples.counts.length === 0 || speedless;
    if (samples.version === this.#drawn) return;
    this.#drawn = samples.version;
    this.#line.setAttribute("d", sparkline(samples));
  }
}

function sparkline(samples: Store["samples"]): string {
  const { rate } = curve(samples, 0);
  const step = Math.max(1, Math.ceil(rate.length / POINTS));
  const means: number[] = [];
  for (let i = 0; i < rate.length; i += step) {
    const group = rate.slice(i, i + step).filter((value) => value !== null);
    if (group.length > 0) means.push(group.reduce((a, b) => a + b, 0) / group.length);
  }
  if (means.length < 2) return `M1 ${HEIGHT - 2}H${WIDTH - 1}`;
  const most = Math.max(...means, 1e-9);
  const points = means.map((value, i) => {
    const x = 1 + (i * (WIDTH - 2)) / (means.length - 1);
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}
