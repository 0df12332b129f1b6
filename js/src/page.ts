import { Connection } from "./connection";
import type { Guest } from "./hub";
import type { LoadPart } from "./markdown";
import { painter } from "./painter";
import { StreamView } from "./views/stream";

interface Stream {
  connection: Connection;
  views: Set<StreamView>;
}

const FROZEN = "nbstream-static";

/**
 * All streams of a page and where they are shown.
 *
 * A stream is shown where its widget is rendered, and, once the kernel has replaced the widget by static
 * html, in that html: a view that has lost its place moves there with all its nodes.
 */
export class Page {
  #streams = new Set<Stream>();

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
    const connection = new Connection(guest.model, guest.signal);
    const stream: Stream = { connection, views: new Set() };
    this.#streams.add(stream);
    guest.signal.addEventListener("abort", () => this.#drop(stream), { once: true });
    guest.model.on("change:uid", () => this.#hydrateAll());
    guest.receive = (message) => connection.receive(message);
    guest.show = (el, signal) => this.#show(stream, el, signal);
    for (const message of guest.early.splice(0)) connection.receive(message);
    for (const [el, signal] of guest.views.splice(0)) this.#show(stream, el, signal);
    this.#hydrateAll();
  }

  #show(stream: Stream, el: Element, signal: AbortSignal): void {
    if (signal.aborted) return;
    const view = this.#place(stream, el);
    signal.addEventListener("abort", () => view.leave(), { once: true });
  }

  #place(stream: Stream, el: Element): StreamView {
    let view = [...stream.views].find((each) => !each.root.isConnected);
    if (view === undefined) {
      view = new StreamView(stream.connection, this.loadPart);
      stream.views.add(view);
    }
    el.replaceChildren(view.root);
    view.arrive();
    return view;
  }

  #hydrateAll(): void {
    for (const el of this.document.getElementsByClassName(FROZEN)) this.#hydrate(el);
  }

  #hydrate(el: Element): void {
    const uid = el.getAttribute("data-nbstream");
    if (!uid || el.closest(".nbstream")) return;
    for (const stream of this.#streams) {
      if (stream.connection.uid !== uid) continue;
      if (![...stream.views].some((view) => view.root.parentNode === el)) this.#place(stream, el);
      // Jupyter's own look for html outputs would change tables, code and quotes of the live view.
      el.closest(".jp-RenderedHTMLCommon")?.classList.remove("jp-RenderedHTMLCommon");
    }
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
  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    for (const view of stream.views) if (!view.root.isConnected) view.dispose();
  }
}
