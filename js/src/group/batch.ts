import { button, h, setAttribute, setText, toggle } from "../dom/element";
import { count, dollars, plural, rate, seconds } from "../dom/format";
import { type Painted, painter } from "../dom/painter";
import type { WidgetKind, Widgets, WidgetView } from "../host/kind";
import type { BatchRequest } from "../protocol/requests";
import type { BatchState, BatchTraits } from "../protocol/traits";
import type { ModelOf } from "../run/model";

type BatchModel = ModelOf<BatchTraits, BatchRequest>;

const STATES: Record<BatchState, string> = {
  ".": "waiting",
  r: "running",
  d: "done",
  e: "failed",
  s: "stopped",
};

/** The progress of many streams: a bar, a square for each, and the one that is looked at. */
export class BatchView implements WidgetView, Painted {
  readonly root = h("div", { class: "nbstream-group nbs-batch", role: "group" });
  #bar = h("div", { class: "nbs-progress-bar", role: "progressbar", "aria-valuemin": "0" });
  #parts = (["d", "s", "e"] satisfies BatchState[]).map((state) =>
    h("span", { "data-state": state }),
  );
  #line = h("div", { class: "nbs-progress-line", "data-part": "progress" });
  #items = h("div", { class: "nbs-items", role: "toolbar", "aria-label": "Prompts" });
  #stage = h("div", { class: "nbs-opened-stage" });
  #label = h("div", { class: "nbs-opened-label" });
  #opened = h("div", { class: "nbs-opened", hidden: true }, this.#label, this.#stage);
  #stop: HTMLButtonElement;
  #states = "";
  #open = -1;
  #shown = "";
  #view: WidgetView | null = null;
  #gone = new AbortController();

  constructor(
    private readonly model: BatchModel,
    private readonly widgets: Widgets,
  ) {
    this.#stop = button("stop-all", "Stop", "stop", () => model.send({ kind: "stop" }));
    this.#bar.append(...this.#parts);
    const head = h("div", { class: "nbs-progress" }, this.#line, this.#stop);
    this.root.append(head, this.#bar, this.#items, this.#opened);
    const labels = model.get("labels");
    labels.forEach((_, i) => {
      const item = h("button", { type: "button", "data-action": "open", tabindex: i ? "-1" : "0" });
      item.addEventListener("click", () => this.#toggle(i));
      this.#items.append(item);
    });
    this.#items.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["states", "figures", "opened"]) {
      model.on(`change:${name}`, () => painter.request(this));
    }
    widgets.onArrival(() => painter.request(this), this.#gone.signal);
    this.write();
  }

  arrive(): void {
    painter.request(this);
  }

  leave(): void {
    this.#view?.leave();
  }

  dispose(): void {
    this.#gone.abort();
    painter.forget(this);
  }

  write(): void {
    this.#writeItems();
    this.#writeProgress();
    const opened = this.model.get("opened");
    if (opened === this.#shown) return;
    this.#view?.leave();
    this.#stage.replaceChildren();
    this.#view = opened ? this.widgets.mount(opened, this.#stage) : null;
    if (this.#view || !opened) this.#shown = opened;
    toggle(this.#opened, this.#view !== null);
    const labels = this.model.get("labels");
    setText(this.#label, this.#open < 0 ? "" : `${this.#open + 1}. ${labels[this.#open]}`);
  }

  /** Only the squares that changed are touched. */
  #writeItems(): void {
    const states = this.model.get("states");
    const labels = this.model.get("labels");
    for (let i = 0; i < states.length; i++) {
      const state = states[i] as BatchState;
      if (state === this.#states[i]) continue;
      const item = this.#items.children[i] as HTMLElement;
      item.dataset.state = state;
      item.title = `${i + 1}. ${labels[i]}: ${STATES[state]}`;
      item.setAttribute("aria-label", item.title);
    }
    this.#states = states;
  }

  #writeProgress(): void {
    const figures = this.model.get("figures");
    const total = this.#states.length;
    const of = (state: BatchState) => this.#states.split(state).length - 1;
    const [done, stopped, failed, running] = [of("d"), of("s"), of("e"), of("r")];
    const ended = running === 0 && (done + stopped + failed === total || stopped > 0);
    [done, stopped, failed].forEach((n, i) => {
      (this.#parts[i] as HTMLElement).style.width = `${(100 * n) / (total || 1)}%`;
    });
    setAttribute(this.#bar, "aria-valuemax", String(total));
    setAttribute(this.#bar, "aria-valuenow", String(done + stopped + failed));
    setAttribute(this.root, "data-status", ended ? "done" : "running");
    toggle(this.#stop, !ended);
    const { tokens = 0, elapsed = 0, tokens_per_second, cost } = figures;
    const facts = [
      `${count(done + stopped + failed)} of ${plural(total, "prompt")}`,
      running && `${running} running`,
      failed && `${failed} failed`,
      stopped && `${stopped} stopped`,
      tokens && `${count(tokens)} tokens`,
      tokens_per_second && `${rate(tokens_per_second)} tok/s`,
      cost !== undefined && dollars(cost),
      elapsed && seconds(elapsed),
    ];
    const line = facts.filter(Boolean).join(" · ");
    setText(this.#line, line);
    setAttribute(this.#bar, "aria-valuetext", line);
  }

  #toggle(place: number): void {
    this.#open = this.#open === place ? -1 : place;
    for (const [i, item] of [...this.#items.children].entries()) {
      item.setAttribute("aria-pressed", String(i === this.#open));
    }
    this.model.send({ kind: "open", index: this.#open < 0 ? null : this.#open });
  }

  #key(event: KeyboardEvent): void {
    const items = [...this.#items.children] as HTMLElement[];
    const now = items.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (now < 0 || step === undefined) return;
    const next = items[Math.min(Math.max(now + step, 0), items.length - 1)];
    items[now]?.setAttribute("tabindex", "-1");
    next?.setAttribute("tabindex", "0");
    next?.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}

export const batch: WidgetKind = (model, widgets) => ({
  create: () => new BatchView(model as unknown as BatchModel, widgets),
});
