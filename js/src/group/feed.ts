import { type Drawing, draw } from "../chart/drawing";
import type { Plot, Values } from "../chart/plot";
import { h, setText } from "../dom/element";
import { type Painted, painter } from "../dom/painter";
import type { Behaviour, WidgetKind, WidgetView } from "../host/kind";
import type { LoadModule } from "../markdown";
import type { ChartMessage, Point } from "../protocol/frames";
import type { AskPoints } from "../protocol/requests";
import type { ChartTraits } from "../protocol/traits";
import type { ModelOf } from "../run/model";
import { colourOf, dashOf } from "./rates";

type ChartModel = ModelOf<ChartTraits, AskPoints>;

/** Points that Python pushed, one list a series. */
class Feed {
  times: number[][] = [];
  values: number[][] = [];
  version = 0;

  add(points: Point[]): void {
    for (const [series, time, value] of points) {
      while (this.times.length <= series) {
        this.times.push([]);
        this.values.push([]);
      }
      this.times[series]?.push(time);
      this.values[series]?.push(value);
    }
    this.version += 1;
  }

  clear(): void {
    this.times = [];
    this.values = [];
    this.version += 1;
  }
}

/** A chart that is driven from Python. */
export class FeedView implements WidgetView, Painted {
  readonly root = h("div", { class: "nbstream-group", role: "group" });
  #title = h("div", { class: "nbs-title" });
  #box = h("div", { "data-part": "chart", class: "nbs-chart-place" });
  #drawing: Drawing | null = null;
  #plot: Plot | null = null;
  #drawn = "";
  #table: [number[], ...Values[]] = [[]];

  constructor(
    private readonly model: ChartModel,
    private readonly feed: Feed,
    load: LoadModule,
  ) {
    this.root.append(this.#title, this.#box);
    draw(load, this.#box, (drawing) => {
      this.#drawing = drawing;
      this.#box.classList.remove("nbs-chart-place");
      painter.request(this);
    });
    for (const name of ["series", "title", "unit"]) {
      model.on(`change:${name}`, () => painter.request(this));
    }
  }

  arrive(): void {
    painter.request(this);
  }

  leave(): void {}

  dispose(): void {
    this.#plot?.dispose();
    painter.forget(this);
  }

  write(): void {
    const names = this.model.get("series");
    const unit = this.model.get("unit");
    const title = this.model.get("title");
    setText(this.#title, title);
    this.#title.hidden = title === "";
    const drawn = JSON.stringify([names, unit]);
    if (this.#drawing && drawn !== this.#drawn) {
      this.#build(this.#drawing, names, unit);
      this.#drawn = drawn;
    }
    this.#table = join(this.feed.times, this.feed.values, names.length);
    this.#plot?.set(this.#table);
    if (this.#plot) {
      const last = names.map((name, i) => `${name} ${figure(this.feed.values[i]?.at(-1))}`);
      this.#plot.label = `${title || "Chart"}: ${last.join(", ")} ${unit}. Left and right arrows read values.`;
    }
  }

  #build({ Plot }: Drawing, names: string[], unit: string): void {
    this.#plot?.dispose();
    const series = names.map((label, i) => ({
      label,
      colour: colourOf(i),
      dash: dashOf(i),
      fill: names.length === 1,
    }));
    const readout = (i: number) => {
      const [times, ...rows] = this.#table;
      const said = rows.map((row, n) => (row[i] == null ? "" : `${names[n]} ${figure(row[i])}`));
      return [`${(times[i] ?? 0).toFixed(2)} s`, ...said.filter(Boolean)].join(" · ");
    };
    this.#plot = new Plot({ series, height: 170, x: (value) => `${value} s`, readout });
    const keys = names.map((name, i) => {
      const key = h("span", { class: "nbs-key" }, name);
      key.style.setProperty("--nbs-key", `var(${colourOf(i)})`);
      return key;
    });
    const legend = h("div", { class: "nbs-keys", "aria-hidden": "true" });
    if (!names.includes(unit)) legend.append(`${unit}:`);
    legend.append(...keys);
    this.#box.replaceChildren(
      this.#plot.node,
      h("div", { class: "nbs-under" }, this.#plot.readout, legend),
    );
  }
}

/** Series with times of their own as one table with all times. */
function join(times: number[][], values: number[][], count: number): [number[], ...Values[]] {
  const all = [...new Set(times.flat())].sort((a, b) => a - b);
  const rows = Array.from({ length: count }, (_, i): Values => {
    const known = new Map(times[i]?.map((time, n) => [time, values[i]?.[n] ?? null]));
    // uPlot joins a line over undefined and breaks it at null.
    return all.map((time) => known.get(time) as number | null);
  });
  return [all, ...rows];
}

function figure(value: number | null | undefined): string {
  return value == null ? "–" : String(Math.round(value * 100) / 100);
}

export function chart(loadModule: LoadModule): WidgetKind {
  return (model) => chartOf(model as unknown as ChartModel, loadModule);
}

function chartOf(model: ChartModel, loadModule: LoadModule): Behaviour {
  const feed = new Feed();
  const views = new Set<FeedView>();
  feed.add(model.get("snapshot") ?? []);
  model.send({ kind: "hello" });
  return {
    create: () => {
      const view = new FeedView(model, feed, loadModule);
      views.add(view);
      return view;
    },
    receive: (message) => {
      const said = message as unknown as ChartMessage;
      if (said.kind === "clear") feed.clear();
      else if (said.kind === "points") feed.add(said.points);
      for (const view of views) painter.request(view);
    },
  };
}
