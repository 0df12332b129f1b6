import { h, icon, setText, toggle } from "../dom/element";
import { plural, ticking } from "../dom/format";
import { safeLink } from "../dom/url";
import type { Citation, Error as ErrorEvent } from "../protocol/events";
import type { ToolStatus } from "../protocol/traits";
import type { Connection } from "../run/connection";
import type { Part } from "../run/parts";

/** Seconds without a token before the view says that it waits. */
const QUIET = 2;
const SHOWN_WARNINGS = 3;
/** After these of a tool it is the model's turn. */
const ANSWERED = new Set<string>(["done", "error", "denied"] satisfies ToolStatus[]);

const ENDINGS: Record<string, string> = {
  length: "Answer truncated: max tokens reached.",
  content_filter: "Answer cut by the provider's content filter.",
  pause: "Paused by the provider.",
};

/** What is to be said beside the answer: waiting, sources, warnings, why it ended early, errors. */
export class Notices {
  readonly node = h("div", { class: "nbs-notices" });
  #wait = h("div", { "data-part": "waiting", hidden: true });
  #sources = h("details", { "data-part": "sources", hidden: true }, h("summary", {}));
  #sourceList = h("ol", {});
  #warnings = h("div", { "data-part": "warnings", hidden: true });
  #ending = h("div", { "data-part": "ending", hidden: true });
  #error: HTMLElement | null = null;
  #errorShown: ErrorEvent | null = null;
  #seen = new Set<string>();
  #citations: Citation[] = [];
  #cited = 0;
  #warned = 0;

  constructor(private readonly connection: Connection) {
    this.#sources.append(this.#sourceList);
    this.node.append(this.#wait, this.#sources, this.#warnings, this.#ending);
  }

  write(): void {
    const { state } = this.connection.store;
    const wait = this.#waiting();
    setText(this.#wait, wait ?? "");
    toggle(this.#wait, wait !== null);
    this.#writeSources();
    this.#writeWarnings();
    const ending = this.#endingText();
    setText(this.#ending, ending);
    toggle(this.#ending, ending !== "");
    if (state.error !== this.#errorShown) {
      this.#error?.remove();
      this.#error = state.error && errorCard(state.error);
      if (this.#error) this.node.append(this.#error);
      this.#errorShown = state.error;
    }
  }

  /** What the view waits for; "" for a moment's wait, null where nothing is awaited. */
  #waiting(): string | null {
    const { store, lost, unheard, options } = this.connection;
    const { state, now } = store;
    if (this.connection.over) return null;
    if (unheard)
      return "the kernel hears Stop when the cell is done; the notebook's own stop ends it now";
    if (lost) return "the kernel does not answer; the stream goes on when it does";
    const retry = state.retries.at(-1);
    const left = retry ? retry.time + retry.wait - now : 0;
    if (retry && left > 0) return `retrying in ${Math.ceil(left)} s: ${retry.reason}`;
    const last = state.parts.at(-1);
    if (last) {
      const thinks = options.thinking === "hidden" && last.kind === "thinking";
      if (state.stall)
        return `no new text for ${ticking(state.stall.idle + now - state.stall.time)}`;
      if (last.kind !== "tool" || !ANSWERED.has(last.status)) return thinks ? "thinking…" : null;
      if (busy(state.parts)) return null;
      const waited = now - last.until;
      return waited < QUIET ? "" : `waiting for the model… ${ticking(waited)}`;
    }
    if (state.status !== "running" || now < QUIET) return "";
    return `waiting for the first token… ${ticking(now)}`;
  }

  #endingText(): string {
    const { gone } = this.connection;
    const { state } = this.connection.store;
    if (gone) return "The kernel went away before the answer was complete.";
    if (state.finish_reason === null || state.error) return "";
    const known = ENDINGS[state.finish_reason];
    if (known) return known;
    if (state.incomplete && state.finish_reason !== "stopped") {
      return "The stream ended without saying that it was finished.";
    }
    return "";
  }

  #writeSources(): void {
    const { citations } = this.connection.store.state;
    if (citations !== this.#citations) {
      this.#citations = citations;
      this.#cited = 0;
      this.#seen.clear();
      this.#sourceList.replaceChildren();
    }
    for (const citation of citations.slice(this.#cited)) this.#addSource(citation);
    this.#cited = citations.length;
    toggle(this.#sources, this.#seen.size > 0);
    const summary = this.#sources.firstElementChild;
    if (summary) setText(summary, plural(this.#seen.size, "source"));
  }

  #addSource({ title, url, quote }: Citation): void {
    const key = url || title || quote;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const href = safeLink(url);
    const label = title || url || "Quoted text";
    const name =
      href && !href.startsWith("#")
        ? h("a", { href, target: "_blank", rel: "noopener noreferrer", title: url }, label)
        : h("span", {}, label);
    const item = h("li", {}, name);
    if (quote) item.append(h("q", {}, quote));
    this.#sourceList.append(item);
  }

  #writeWarnings(): void {
    const { warnings } = this.connection.store.state;
    if (warnings.length < this.#warned) {
      this.#warned = 0;
      this.#warnings.replaceChildren();
    }
    for (const { message, detail } of warnings.slice(this.#warned, SHOWN_WARNINGS)) {
      this.#warnings.append(h("div", { title: detail }, message));
    }
    if (warnings.length > SHOWN_WARNINGS) {
      const more = plural(warnings.length - SHOWN_WARNINGS, "more warning");
      if (this.#warned <= SHOWN_WARNINGS) this.#warnings.append(h("div", {}, more));
      else if (this.#warnings.lastElementChild) setText(this.#warnings.lastElementChild, more);
    }
    this.#warned = warnings.length;
    toggle(this.#warnings, warnings.length > 0);
  }
}

/** Whether one of the tools called last still runs. */
function busy(parts: readonly Part[]): boolean {
  for (let n = parts.length - 1; n >= 0; n -= 1) {
    const part = parts[n];
    if (part?.kind !== "tool") return false;
    if (!ANSWERED.has(part.status)) return true;
  }
  return false;
}

function errorCard(error: ErrorEvent): HTMLElement {
  const card = h(
    "div",
    { "data-part": "error", "data-kind": error.kind },
    icon("alert"),
    h("div", { class: "nbs-error-message" }, error.message),
  );
  if (error.hint) card.append(h("div", { class: "nbs-error-hint" }, error.hint));
  if (error.body) {
    const status = error.status ? `HTTP ${error.status}` : "What the provider said";
    card.append(
      h("details", { class: "nbs-fold" }, h("summary", {}, status), h("pre", {}, error.body)),
    );
  }
  return card;
}
