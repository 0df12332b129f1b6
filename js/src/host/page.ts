import { painter } from "../dom/painter";
import { type AnyModel, isKind, KINDS } from "../group/kinds";
import type { LoadPart } from "../markdown";
import type { FromKernel, Model } from "../protocol/model";
import { Connection } from "../run/connection";
import { StreamView } from "../views/stream";
import type { Guest } from "./hub";

/** Something that is shown in the page. It can move; what it shows lives elsewhere. */
export interface View {
  readonly root: HTMLElement;
  /** It has been put into the page. */
  arrive(): void;
  /** It loses its place; it may get another. */
  leave(): void;
  dispose(): void;
}

/** A widget that was adopted, and where it is shown. */
interface Exhibit {
  readonly model: AnyModel;
  readonly connection: Connection | null;
  readonly views: Set<View>;
  create(): View;
}

const FROZEN = "nbstream-static";

/**
 * All widgets of a page and where they are shown.
 *
 * A widget is shown where it is rendered, and, once the kernel has replaced it by static html, in that
 * html: a view that has lost its place moves there with all its nodes.
 */
export class Page {
  #exhibits = new Set<Exhibit>();
  #expectant = new Set<() => void>();

  constructor(
    private readonly document: Document,
    private readonly loadPart: LoadPart,
  ) {
    new MutationObserver((mutations) => this.#changed(mutations)).observe(
      document.documentElement,
      {
        childList: true,
        subtree: true,
      },
    );
  }

  adopt(guest: Guest): void {
    const model = guest.model as unknown as AnyModel;
    const kind = model.get("kind");
    if (isKind(kind)) {
      const { create, receive } = KINDS[kind](model, this);
      this.#add(guest, { model, connection: null, views: new Set(), create }, receive);
    } else {
      const connection = new Connection(guest.model, guest.signal);
      const create = () => new StreamView(connection, this.loadPart);
      const exhibit = { model, connection, views: new Set<View>(), create };
      this.#add(guest, exhibit, (message) => connection.receive(message));
    }
  }

  /** The connection of a stream's widget that is in the page. */
  connection(uid: string): Connection | null {
    return this.#find(uid)?.connection ?? null;
  }

  /** Shows a widget within another's view; null where it has not come yet. */
  mount(uid: string, el: Element): View | null {
    const exhibit = this.#find(uid);
    return exhibit ? this.#place(exhibit, el) : null;
  }

  /** Calls back whenever another widget has come. */
  expect(callback: () => void, signal: AbortSignal): void {
    this.#expectant.add(callback);
    signal.addEventListener("abort", () => this.#expectant.delete(callback), { once: true });
  }

  #find(uid: string): Exhibit | undefined {
    for (const exhibit of this.#exhibits) if (exhibit.model.get("uid") === uid) return exhibit;
    return undefined;
  }

  #add(guest: Guest, exhibit: Exhibit, receive: Guest["receive"]): void {
    this.#exhibits.add(exhibit);
    guest.signal.addEventListener("abort", () => this.#drop(exhibit), { once: true });
    guest.model.on("change:uid", () => this.#arrived());
    guest.model.on("change:children", () => this.#call(guest));
    this.#call(guest);
    guest.receive = receive;
    guest.show = (el, signal) => this.#show(exhibit, el, signal);
    for (const message of guest.early.splice(0)) receive(message);
    for (const [el, signal] of guest.views.splice(0)) this.#show(exhibit, el, signal);
    this.#arrived();
  }

  /** Has the host load the widgets that this one shows: some do so only when asked. */
  #call({ model, signal }: Guest): void {
    const load = async (id: string) => {
      const child = (await model.widget_manager?.get_model?.(id)) as Model | undefined;
      // marimo loads it, but starts only what it shows itself.
      if (child && model.get("runtime") === "") this.#start(child, signal);
    };
    for (const id of model.get("children") ?? []) load(id).catch(() => {}); // It has gone again.
  }

  #start(model: Model, signal: AbortSignal): void {
    if (signal.aborted || this.#find(model.get("uid"))) return;
    const nothing = () => {};
    const guest: Guest = { model, signal, early: [], views: [], receive: nothing, show: nothing };
    model.on("msg:custom", (message) => guest.receive(message as FromKernel));
    this.adopt(guest);
  }

  #arrived(): void {
    for (const el of this.document.getElementsByClassName(FROZEN)) this.#hydrate(el);
    for (const callback of this.#expectant) callback();
  }

  #show(exhibit: Exhibit, el: Element, signal: AbortSignal): void {
    if (signal.aborted) return;
    const view = this.#place(exhibit, el);
    signal.addEventListener("abort", () => view.leave(), { once: true });
  }

  #place(exhibit: Exhibit, el: Element): View {
    let view = [...exhibit.views].find((each) => !each.root.isConnected);
    if (view === undefined) {
      view = exhibit.create();
      exhibit.views.add(view);
    }
    el.replaceChildren(view.root);
    view.arrive();
    return view;
  }

  #hydrate(el: Element): void {
    const uid = el.getAttribute("data-nbstream");
    if (!uid || el.closest(".nbstream, .nbstream-group")) return;
    const exhibit = this.#find(uid);
    if (!exhibit) return;
    if (![...exhibit.views].some((view) => view.root.parentNode === el)) this.#place(exhibit, el);
    // Jupyter's own look for html outputs would change tables, code and quotes of the live view.
    el.closest(".jp-RenderedHTMLCommon")?.classList.remove("jp-RenderedHTMLCommon");
  }

  /** Runs on every change of the page: costs no more than a look at each new element. */
  #changed(mutations: MutationRecord[]): void {
    for (const mutation of mutations) {
      for (const node of mutation.addedNodes) {
        if (!(node instanceof Element)) continue;
        if (node.classList.contains(FROZEN)) this.#hydrate(node);
        else if (node.firstElementChild !== null) {
          for (const el of node.getElementsByClassName(FROZEN)) this.#hydrate(el);
        }
      }
    }
    painter.reconnect();
  }

  /** The kernel's side is gone: views in the page stay as they are. */
  #drop(exhibit: Exhibit): void {
    this.#exhibits.delete(exhibit);
    for (const view of exhibit.views) if (!view.root.isConnected) view.dispose();
  }
}
