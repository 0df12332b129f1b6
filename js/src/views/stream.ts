import { Chart } from "../chart";
import { Caret } from "../dom/caret";
import { copyText } from "../dom/clipboard";
import { button, h, setAttribute, setText, toggle } from "../dom/element";
import { Follow } from "../dom/follow";
import { type Painted, painter } from "../dom/painter";
import type { WidgetKind, WidgetView } from "../host/kind";
import type { LoadModule } from "../markdown";
import { Connection } from "../run/connection";
import type { Change } from "../run/fold";
import type { Model } from "../run/model";
import { Announcer } from "./announcer";
import { Body } from "./body";
import { Notices } from "./notices";
import type { PartContext } from "./part";
import { Recap } from "./recap";
import { Replay } from "./replay";
import { StatusLine } from "./status";

const TICK = 1000;

/** The live view of one stream. It can move in the page; what it shows lives in the store. */
export class StreamView implements WidgetView, Painted {
  readonly root: HTMLElement;
  #context: PartContext;
  #body: Body;
  #recap: Recap;
  #notices: Notices;
  #status: StatusLine;
  #announcer: Announcer;
  #caret = new Caret();
  #follow: Follow;
  #stop: HTMLButtonElement;
  #copy: HTMLButtonElement;
  #jump: HTMLButtonElement;
  #bar: HTMLElement;
  #chart: Chart | null = null;
  #replay: Replay | null = null;
  /** The time of the run that is looked at; null for its present. */
  #time: number | null = null;
  /** What has the focus, or had it when the view lost its place. */
  #focused: HTMLElement | null = null;
  #head = true;
  #ticker = 0;
  #gone = new AbortController();

  constructor(
    private readonly connection: Connection,
    loadModule: LoadModule,
  ) {
    const { store, options } = connection;
    this.#context = {
      loadModule,
      get over() {
        return connection.over;
      },
      get now() {
        return store.now;
      },
      approve: (question, decision) => connection.approve(question, decision),
    };
    this.#body = new Body(store, options, this.#context);
    this.#recap = new Recap(store);
    this.#notices = new Notices(connection);
    this.#status = new StatusLine(connection);
    this.#announcer = new Announcer(connection);
    this.#stop = button("stop", "Stop", "stop", () => connection.stop());
    this.#copy = button("copy", "Copy", "copy", () => void copyText(this.#copy, store.text));
    const raw = button("raw", "Source", "raw", () => this.#toggleRaw(raw));
    raw.setAttribute("aria-pressed", "false");
    for (const each of [this.#copy, raw]) each.title = each.textContent ?? "";
    if (options.chart !== false) {
      this.#chart = new Chart(
        store,
        loadModule,
        (panel) => this.#bar.after(panel),
        (time) => void this.#seek(time),
        options.chart,
      );
    }
    const chart = this.#chart ? [this.#chart.toggle.node] : [];
    const actions = h("div", { class: "nbs-actions" }, this.#stop, ...chart, this.#copy, raw);
    this.#bar = h("div", { class: "nbs-bar" }, this.#status.node, actions);
    this.#jump = button("jump", "Jump to latest", "down", () => this.#follow.jump());
    this.#jump.hidden = true;
    // MathJax must leave the text alone: mathematics is drawn already, and a dollar may be a dollar.
    this.root = h("div", { class: "nbstream mathjax_ignore tex2jax_ignore", role: "group" });
    this.root.setAttribute("aria-label", options.title || "Streamed answer");
    const head = h("div", { class: "nbs-head" });
    if (options.title) head.append(h("div", { "data-part": "title" }, options.title));
    if (options.note) head.append(h("div", { "data-part": "note" }, options.note));
    this.root.append(
      head,
      this.#body.node,
      this.#notices.node,
      this.#recap.node,
      this.#bar,
      this.#announcer.node,
      this.#caret.node,
      this.#jump,
    );
    this.root.addEventListener("focusin", (event) => {
      this.#focused = event.target as HTMLElement;
    });
    // A view that is taken out of the page loses the focus too, but not for good.
    this.root.addEventListener("focusout", () =>
      queueMicrotask(() => {
        const elsewhere = !this.root.contains(document.activeElement);
        if (this.root.isConnected && elsewhere) this.#focused = null;
      }),
    );
    this.#follow = new Follow(this.root, this.#bar, () => this.#placeJump());
    this.#body.invalidate();
    store.subscribe((change) => this.#changed(change), this.#gone.signal);
    this.write();
  }

  arrive(): void {
    if (this.#running) this.#follow.start();
    this.write();
    if (document.activeElement === document.body) this.#focused?.focus({ preventScroll: true });
    painter.request(this);
    if (this.#ticker === 0 && !this.connection.over) {
      this.#ticker = setInterval(() => this.#tick(), TICK) as unknown as number;
    }
  }

  /** The view loses its place; it may get another. */
  leave(): void {
    this.#follow.stop();
    clearInterval(this.#ticker);
    this.#ticker = 0;
  }

  dispose(): void {
    this.leave();
    this.#gone.abort();
    this.#chart?.dispose();
    painter.forget(this);
  }

  write(): void {
    this.#body.write();
    if (!this.#head) return;
    this.#head = false;
    const { over, stopping } = this.connection;
    const status = over ? this.#outcome : "running";
    setAttribute(this.root, "data-status", status);
    setAttribute(this.root, "aria-busy", String(!over));
    if (over && this.#focused === this.#stop) {
      this.#focused = this.#copy;
      if (document.activeElement === this.#stop) this.#copy.focus({ preventScroll: true });
    }
    toggle(this.#stop, !over);
    if (over) this.#caret.hide();
    // Not `disabled`, which would take the focus away.
    setAttribute(this.#stop, "aria-disabled", String(stopping));
    setText(this.#stop.lastElementChild as Element, stopping ? "Stopping…" : "Stop");
    this.#recap.write();
    this.#notices.write();
    this.#status.write();
    this.#chart?.write();
    this.#announcer.write();
  }

  measure(): void {
    // Out of sight nothing is measured: it would make the browser lay out what it may skip.
    if (this.root.checkVisibility({ contentVisibilityAuto: true })) {
      this.#body.measure();
      if (this.#running) this.#follow.start();
      this.#follow.measure();
      if (this.#running) this.#caret.measure(this.root, this.#body.growing?.end ?? null);
      this.#placeJump();
    }
    if (!this.#running && this.#follow.active) {
      this.#follow.stop();
      this.#placeJump();
    }
  }

  get #outcome(): string {
    return this.connection.gone ? "stopped" : this.connection.store.state.status;
  }

  get #running(): boolean {
    return !this.connection.over;
  }

  async #seek(time: number | null): Promise<void> {
    this.#time = time;
    if (time !== null && this.#replay === null) {
      const events = await this.connection.history();
      this.#replay ??= new Replay(events, this.connection.options, this.#context);
      this.#body.node.after(this.#replay.body.node);
    }
    const shown = this.#time;
    // Without its height the slider would move away from under the pointer.
    const height = this.#body.node.offsetHeight;
    this.#body.node.hidden = this.#replay !== null && shown !== null;
    if (this.#replay === null) return;
    if (height > 0) this.#replay.body.node.style.minHeight = `${height}px`;
    this.#replay.body.node.hidden = shown === null;
    if (shown !== null) this.#replay.show(shown);
  }

  #changed(change: Change): void {
    if (change.kind === "part") this.#body.grew(change.part);
    else if (change.kind === "parts") this.#body.invalidate();
    this.#head = true;
    painter.request(this);
  }

  #tick(): void {
    if (this.connection.over) {
      clearInterval(this.#ticker);
      this.#ticker = 0;
      return;
    }
    this.#head = true;
    this.#body.tick();
    this.#chart?.tick();
    this.#follow.refresh();
    painter.request(this);
  }

  #toggleRaw(raw: HTMLButtonElement): void {
    const shown = raw.getAttribute("aria-pressed") !== "true";
    raw.setAttribute("aria-pressed", String(shown));
    this.#body.raw = shown;
  }

  /** At the lower edge of what can be seen of the view. */
  #placeJump(): void {
    if (!this.#follow.away) {
      if (!this.#jump.hidden) this.#jump.hidden = true;
      return;
    }
    const view = this.root.getBoundingClientRect();
    const { top, bottom } = this.#follow.bounds();
    const shown = view.bottom > bottom && view.top < bottom - 80 && bottom > top;
    if (this.#jump.hidden === shown) this.#jump.hidden = !shown;
    if (shown) this.#jump.style.top = `${Math.round(bottom - view.top - 48)}px`;
  }
}

export function stream(loadModule: LoadModule): WidgetKind {
  return (model, _, signal) => {
    const connection = new Connection(model as unknown as Model, signal);
    return {
      connection,
      create: () => new StreamView(connection, loadModule),
      receive: (message) => connection.receive(message),
    };
  };
}
