import { painter } from "../dom/painter";
import type { FromKernel } from "../protocol/frames";
import type { AskForms } from "../protocol/requests";
import type { Connection } from "../run/connection";
import type { Model } from "../run/model";
import type { Widget } from "./hub";
import type { AnyModel, Behaviour, WidgetKind, Widgets, WidgetView } from "./kind";
import { Posts } from "./posts";
import { Presence } from "./presence";
import type { RuntimeModel } from "./runtime";

/** A widget of the page, and where it is shown. */
interface Entry {
  readonly model: AnyModel;
  readonly behaviour: Behaviour;
  readonly views: Set<WidgetView>;
}

/** The class of the html that takes a widget's place in a saved output. */
const STATIC = "nbstream-static";

/**
 * All widgets of a page and where they are shown.
 *
 * A widget is shown where it is rendered, and, once the kernel has replaced it by static html, in that
 * html: a view that has lost its place moves there with all its nodes.
 */
export class Registry implements Widgets {
  #entries = new Set<Entry>();
  #listeners = new Set<() => void>();
  #posts = new Posts();
  #presence = new Presence();

  constructor(
    private readonly document: Document,
    /** What a widget is whose trait `kind` says so. */
    private readonly kindOf: (kind: unknown) => WidgetKind,
  ) {
    new MutationObserver((mutations) => this.#pageChanged(mutations)).observe(
      document.documentElement,
      {
        childList: true,
        subtree: true,
      },
    );
  }

  add(widget: Widget): void {
    const model = widget.model as unknown as AnyModel;
    const behaviour = this.kindOf(model.get("kind"))(model, this, widget.signal);
    this.#connect(widget, { model, behaviour, views: new Set() });
  }

  /** Takes what a kernel sends to several widgets in one message. */
  addKernel(kernel: RuntimeModel): void {
    kernel.on("msg:custom", (message) => {
      if (message.kind === "posts") this.#deliver(message.posts);
    });
  }

  connection(uid: string): Connection | null {
    return this.#find(uid)?.behaviour.connection ?? null;
  }

  mount(uid: string, el: Element): WidgetView | null {
    const entry = this.#find(uid);
    return entry ? this.#place(entry, el) : null;
  }

  onArrival(callback: () => void, signal: AbortSignal): void {
    this.#listeners.add(callback);
    signal.addEventListener("abort", () => this.#listeners.delete(callback), { once: true });
  }

  #deliver(posts: Record<string, FromKernel>): void {
    const unclaimed = new Map(Object.entries(posts));
    // Two notebooks of one kernel each have a widget of the same uid.
    for (const entry of this.#entries) {
      const uid = entry.model.get("uid") as string;
      if (!Object.hasOwn(posts, uid)) continue;
      unclaimed.delete(uid);
      this.#hand(entry, posts[uid] as FromKernel);
    }
    for (const [uid, message] of unclaimed) this.#posts.keep(uid, message);
  }

  /** One widget's failure is not the others'. */
  #hand(entry: Entry, message: FromKernel): void {
    try {
      entry.behaviour.receive?.(message);
    } catch (error) {
      console.error("[nbstream]", error);
    }
  }

  #find(uid: string): Entry | undefined {
    for (const entry of this.#entries) if (entry.model.get("uid") === uid) return entry;
    return undefined;
  }

  #connect(widget: Widget, entry: Entry): void {
    this.#entries.add(entry);
    widget.signal.addEventListener("abort", () => this.#remove(entry), { once: true });
    widget.model.on("change:uid", () => this.#arrived(entry));
    widget.model.on("change:children", () => this.#loadChildren(widget));
    this.#loadChildren(widget);
    widget.receive = (message) => entry.behaviour.receive?.(message);
    widget.show = (el, signal) => this.#show(entry, el, signal);
    for (const message of widget.early.splice(0)) widget.receive(message);
    for (const [el, signal] of widget.views.splice(0)) this.#show(entry, el, signal);
    this.#tell(entry);
    this.#arrived(entry);
  }

  /** What has waited for the widget of this name finds it. */
  #arrived(entry: Entry): void {
    for (const message of this.#posts.take(entry.model.get("uid") as string)) {
      this.#hand(entry, message);
    }
    this.#announce();
  }

  /** Says that a view has come, to those who are not part of this: see lab/. */
  #tell({ model }: Entry): void {
    const request: AskForms = { kind: "forms" };
    const detail = { uid: model.get("uid"), ask: () => model.send(request) };
    this.document.dispatchEvent(new CustomEvent("nbstream:view", { detail }));
  }

  /** Has the host load the widgets that this one shows: some do so only when asked. */
  #loadChildren({ model, signal }: Widget): void {
    const load = async (id: string) => {
      const child = (await model.widget_manager?.get_model?.(id)) as Model | undefined;
      // marimo loads it, but starts only what it shows itself.
      if (child && model.get("runtime") === "") this.#addChild(child, signal);
    };
    for (const id of model.get("children") ?? []) load(id).catch(() => {}); // It has gone again.
  }

  #addChild(model: Model, signal: AbortSignal): void {
    if (signal.aborted || this.#find(model.get("uid"))) return;
    const nothing = () => {};
    const widget: Widget = { model, signal, early: [], views: [], receive: nothing, show: nothing };
    model.on("msg:custom", (message) => widget.receive(message as FromKernel));
    this.add(widget);
  }

  #announce(): void {
    for (const el of this.document.getElementsByClassName(STATIC)) this.#hydrate(el);
    for (const callback of this.#listeners) callback();
  }

  #show(entry: Entry, el: Element, signal: AbortSignal): void {
    if (signal.aborted) return;
    const view = this.#place(entry, el);
    signal.addEventListener("abort", () => view.leave(), { once: true });
  }

  #place(entry: Entry, el: Element): WidgetView {
    let view = [...entry.views].find((each) => !each.root.isConnected);
    if (view === undefined) {
      view = entry.behaviour.create();
      entry.views.add(view);
    }
    el.replaceChildren(view.root);
    view.arrive();
    const { connection } = entry.behaviour;
    if (connection) this.#presence.watch(connection, entry.views);
    return view;
  }

  #hydrate(el: Element): void {
    const uid = el.getAttribute("data-nbstream");
    if (!uid || el.closest(".nbstream, .nbstream-group") || isFramed(el)) return;
    const entry = this.#find(uid);
    if (!entry) return;
    if (![...entry.views].some((view) => view.root.parentNode === el)) this.#place(entry, el);
    // Jupyter's own look for html outputs would change tables, code and quotes of the live view.
    el.closest(".jp-RenderedHTMLCommon")?.classList.remove("jp-RenderedHTMLCommon");
  }

  /** Runs on every change of the page: costs no more than a look at each new element. */
  #pageChanged(mutations: MutationRecord[]): void {
    for (const mutation of mutations) {
      for (const node of mutation.addedNodes) {
        if (!(node instanceof Element)) continue;
        if (node.classList.contains(STATIC)) this.#hydrate(node);
        else if (node.firstElementChild !== null) {
          for (const el of node.getElementsByClassName(STATIC)) this.#hydrate(el);
        }
      }
    }
    painter.reconnect();
    this.#presence.look();
  }

  /** The kernel's side is gone: views in the page stay as they are. */
  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    for (const view of entry.views) if (!view.root.isConnected) view.dispose();
  }
}

/** Whether somebody else's html stands around the mark: it could dress the live view up as something else. */
function isFramed(el: Element): boolean {
  const output = el.closest(".jp-OutputArea-output");
  return output !== null && (el.parentElement !== output || output.childElementCount > 1);
}
