import { button, h, setAttribute, setText, toggle } from "../dom/element";
import { type Painted, painter } from "../dom/painter";
import type { WidgetKind, Widgets, WidgetView } from "../host/kind";
import type { LoadModule } from "../markdown";
import type { GroupRequest } from "../protocol/requests";
import type { GroupTraits } from "../protocol/traits";
import type { Connection } from "../run/connection";
import type { ModelOf } from "../run/model";
import { difference } from "./difference";
import { FiguresTable, type Line } from "./figures";
import { colourOf, RatesChart } from "./rates";

type GroupModel = ModelOf<GroupTraits, GroupRequest>;

const TICK = 1000;

/** A stream's place in the group: who it is, its own view, and what can be done with it. */
class Pane {
  readonly stage = h("div", { class: "nbs-pane-stage" });
  readonly node: HTMLElement;
  connection: Connection | null = null;
  view: WidgetView | null = null;
  uid = "";
  #gone = new AbortController();
  #win: HTMLButtonElement;
  #again: HTMLButtonElement;
  #compared: HTMLElement | null = null;

  constructor(
    readonly name: string,
    readonly place: number,
    model: GroupModel,
  ) {
    const index = place;
    this.#win = button("winner", "Pick", "check", () => {
      model.send({ kind: "winner", index: model.get("winner") === index ? null : index });
    });
    this.#again = button("rerun", "Rerun", null, () => model.send({ kind: "rerun", index }));
    const swatch = h("span", { class: "nbs-swatch" });
    swatch.style.background = `var(${colourOf(place)})`;
    const actions = h("span", { class: "nbs-pane-actions" }, this.#again, this.#win);
    const head = h(
      "div",
      { class: "nbs-pane-head" },
      swatch,
      h("b", { title: name }, name),
      actions,
    );
    this.node = h("section", { class: "nbs-pane", "aria-label": name }, head, this.stage);
  }

  /** Shows the stream of `uid` once it is in the page. */
  hold(uid: string, widgets: Widgets, changed: () => void): void {
    if (this.uid === uid && this.view) return;
    this.uid = uid;
    this.release();
    this.connection = widgets.connection(uid);
    if (!this.connection) return;
    this.view = widgets.mount(uid, this.stage);
    this.connection.store.subscribe(changed, this.#gone.signal);
  }

  write(winner: boolean): void {
    setAttribute(this.#win, "aria-pressed", String(winner));
    setText(this.#win.lastElementChild as Element, winner ? "Winner" : "Pick");
    this.node.classList.toggle("nbs-winner", winner);
    toggle(this.#again, this.connection?.over ?? false);
  }

  get figures(): Line {
    const { name, place, connection } = this;
    const store = connection?.store;
    const metrics = store?.metrics;
    const { status = "pending", finish_reason = null, time = 0 } = store?.state ?? {};
    const soFar = status === "running" ? Math.max(0, Math.floor(store?.now ?? 0)) : time;
    return {
      name,
      colour: colourOf(place),
      ttft: metrics?.ttft ?? null,
      tokens_per_second: metrics?.tokens_per_second ?? null,
      output_tokens: metrics?.output_tokens ?? 0,
      token_source: metrics?.token_source ?? "deltas",
      cost: metrics?.cost ?? null,
      elapsed: status === "pending" ? null : (metrics?.elapsed ?? soFar),
      status,
      finish_reason,
    };
  }

  /** Shows the answer as it differs from another's; null shows the answer itself. */
  compare(base: Pane | null): void {
    this.#compared?.remove();
    this.#compared = base && difference(base.text, this.text, base.name);
    if (this.#compared) this.node.append(this.#compared);
    this.stage.hidden = this.#compared !== null;
  }

  get text(): string {
    return this.connection?.store.text ?? "";
  }

  release(): void {
    this.#gone.abort();
    this.#gone = new AbortController();
    this.view?.leave();
    this.view = null;
  }
}

/** Streams side by side: their panes, one chart, one table. */
export class ComparisonView implements WidgetView, Painted {
  readonly root = h("div", { class: "nbstream-group", role: "group" });
  #panes: Pane[] = [];
  #grid = h("div", { class: "nbs-panes" });
  #chart: RatesChart;
  #table = new FiguresTable();
  #stop: HTMLButtonElement;
  #diff: HTMLButtonElement;
  #gone = new AbortController();
  #ticker = 0;
  #written = "";

  constructor(
    private readonly model: GroupModel,
    private readonly widgets: Widgets,
    loadModule: LoadModule,
  ) {
    const names = model.get("names");
    this.#chart = new RatesChart(names, loadModule);
    this.#panes = names.map((name, place) => new Pane(name, place, model));
    this.#grid.append(...this.#panes.map((pane) => pane.node));
    this.#stop = button("stop-all", "Stop all", "stop", () => {
      for (const { connection } of this.#panes) connection?.stop();
    });
    this.#diff = button("diff", "Differences", null, () => this.#toggleDiff());
    this.#diff.setAttribute("aria-pressed", "false");
    const bar = h("div", { class: "nbs-group-bar" }, this.#stop, this.#diff);
    this.root.setAttribute("aria-label", `Comparison of ${names.join(", ")}`);
    this.root.append(
      h("div", { class: "nbs-board" }, this.#chart.node, this.#table.node),
      bar,
      this.#grid,
    );
    model.on("change:panes", () => this.#refresh());
    model.on("change:winner", () => this.#refresh());
    widgets.onArrival(() => this.#refresh(), this.#gone.signal);
  }

  arrive(): void {
    this.#refresh();
    if (this.#ticker === 0) {
      this.#ticker = setInterval(() => this.#tick(), TICK) as unknown as number;
    }
  }

  leave(): void {
    clearInterval(this.#ticker);
    this.#ticker = 0;
    for (const { view } of this.#panes) view?.leave();
  }

  dispose(): void {
    this.leave();
    this.#gone.abort();
    for (const pane of this.#panes) pane.release();
    this.#chart.dispose();
    painter.forget(this);
  }

  write(): void {
    const connections = this.#panes.map(({ connection }) => connection);
    const state = connections.map((each) => {
      const { samples, state } = each?.store ?? {};
      return `${samples?.version} ${state?.status} ${each?.over}`;
    });
    const written = `${state} ${this.model.get("winner")} ${this.#ended ? "" : Math.floor(performance.now() / TICK)}`;
    if (written === this.#written) return;
    this.#written = written;
    setAttribute(this.root, "data-status", this.#ended ? "done" : "running");
    toggle(this.#stop, !this.#ended);
    toggle(this.#diff, this.#ended);
    this.#chart.write(connections);
    this.#table.write(this.#panes.map((pane) => pane.figures));
    for (const pane of this.#panes) pane.write(this.model.get("winner") === pane.place);
  }

  get #ended(): boolean {
    return this.#panes.every(({ connection }) => connection?.over);
  }

  #refresh(): void {
    const uids = this.model.get("panes");
    for (const [i, pane] of this.#panes.entries()) {
      const changed = pane.uid !== "" && pane.uid !== uids[i];
      pane.hold(uids[i] ?? "", this.widgets, () => painter.request(this));
      if (changed && this.#comparing) this.#toggleDiff();
    }
    this.#written = "";
    painter.request(this);
  }

  #tick(): void {
    if (!this.#ended) painter.request(this);
  }

  get #comparing(): boolean {
    return this.#diff.getAttribute("aria-pressed") === "true";
  }

  #toggleDiff(): void {
    const shown = !this.#comparing;
    this.#diff.setAttribute("aria-pressed", String(shown));
    const winner = this.model.get("winner");
    const base = this.#panes[Math.max(winner, 0)] ?? null;
    for (const pane of this.#panes) pane.compare(shown && pane !== base ? base : null);
  }
}

export function comparison(loadModule: LoadModule): WidgetKind {
  return (model, widgets) => ({
    create: () => new ComparisonView(model as unknown as GroupModel, widgets, loadModule),
  });
}
