import { button, h, icon, setAttribute, setText, toggle } from "../dom/element";
import { count, json, plural, seconds, soFar } from "../dom/format";
import type { Usage } from "../protocol/events";
import type { ToolStatus } from "../protocol/traits";
import type { Part, ToolPart } from "../run/parts";
import { createDataFrame } from "./dataframe";
import type { PartContext, PartView } from "./part";
import { Section } from "./section";

const LABELS: Record<ToolStatus, string> = {
  streaming: "preparing",
  called: "called",
  approval: "needs approval",
  running: "running",
  done: "done",
  error: "failed",
  denied: "denied",
};
const RESULTS: Partial<Record<ToolStatus, string>> = { error: "Error", denied: "Not run" };
/** Results longer than this are folded. */
const SHORT = 400;
const SHORT_LINES = 6;
const MAX_SHOWN = 100_000;
/** What is worth a line: more than the braces of no arguments. */
const NOTHING = 2;
/** What the kernel says of a call that Stop cut. */
const STOPPED = "stopped";
const INCOMPLETE = "incomplete";

/** A tool call: its arguments as they arrive, then what became of it. */
export class ToolView implements PartView {
  readonly node: HTMLElement;
  #part: ToolPart | null = null;
  #name = h("span", { class: "nbs-tool-name" });
  #status = h("span", { class: "nbs-tool-status" });
  #arguments = document.createTextNode("");
  #argumentsBox = h(
    "pre",
    { class: "nbs-io", "data-label": "Arguments", hidden: true },
    this.#arguments,
  );
  #tokens = 0;
  #offset = 0;
  #written: string | null = null;
  #pinned = true;
  #growing = false;
  #progress = h("div", { class: "nbs-tool-progress", hidden: true });
  #nest = h("div", { class: "nbs-nest" });
  /** Where the run of an agent that this tool asks stands. */
  readonly nest = new Section(this.#nest, this.#nest);
  #gallery = h("div", { class: "nbs-nest" });
  /** Where images that the tool gave stand. */
  readonly gallery = new Section(this.#gallery, this.#gallery);
  #result = h("pre", { class: "nbs-io", "data-label": "Result", hidden: true });
  #fold: HTMLDetailsElement | null = null;
  #shownResult: unknown;
  #approval: HTMLElement;

  constructor(private readonly context: PartContext) {
    const decide = (decision: "approved" | "denied") => () => {
      if (this.#approval.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      for (const each of this.#approval.querySelectorAll("button")) each.disabled = true;
      if (!this.#part) return;
      const { call_id, approval_id } = this.#part;
      context.approve(approval_id ? { call_id, approval_id } : { call_id }, decision);
    };
    this.#approval = h(
      "div",
      { class: "nbs-approval", hidden: true },
      h("span", {}, "Run this tool?"),
      button("approve", "Approve", null, decide("approved")),
      button("deny", "Deny", null, decide("denied")),
    );
    this.#argumentsBox.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#argumentsBox;
      this.#pinned = scrollHeight - scrollTop - clientHeight < 8;
    });
    const head = h("div", { class: "nbs-tool-head" }, icon("tool"), this.#name, this.#status);
    this.node = h(
      "div",
      { "data-part": "tool", role: "group", tabindex: "-1" },
      head,
      this.#argumentsBox,
      this.#progress,
      this.#approval,
      this.#nest,
      this.#result,
      this.#gallery,
    );
  }

  get name(): string {
    return this.#part?.name ?? "";
  }

  get step(): string {
    return this.#part?.step ?? "";
  }

  /** What the agent that this tool asked has used. */
  spend(usage: Usage | null): void {
    this.#tokens = usage?.output_tokens ?? 0;
  }

  takes(): boolean {
    return false;
  }

  grew(part: Part): void {
    this.#part = part as ToolPart;
  }

  rebind(): void {
    this.#offset = 0;
    this.#written = null;
    this.#arguments.data = "";
    this.nest.clear();
    this.gallery.clear();
  }

  write(): void {
    const part = this.#part;
    if (!part) return;
    setAttribute(this.node, "data-call-id", part.call_id);
    setAttribute(this.node, "data-status", part.status);
    const label = this.#label(part);
    this.node.classList.toggle("nbs-cut", label === STOPPED || label === INCOMPLETE);
    setAttribute(this.node, "aria-label", `Tool call ${part.name}, ${label}`);
    setText(this.#name, part.name || "tool");
    const tokens = this.#tokens ? plural(this.#tokens, "token") : "";
    const where = part.server_side ? "by the provider" : "";
    setText(this.#status, [label, this.#time(part), tokens, where].filter(Boolean).join(" · "));
    this.#writeArguments(part);
    this.#writeProgress(part);
    toggle(this.#approval, part.status === "approval");
    this.#writeResult(part);
  }

  settle(): void {
    this.write();
  }

  /** What is being written stays in sight, unless the reader scrolled away; in the end it begins at the top. */
  measure(): void {
    const box = this.#argumentsBox;
    if (this.#part?.status === "streaming") {
      if (this.#pinned) box.scrollTop = box.scrollHeight;
    } else if (this.#growing) {
      box.scrollTop = 0;
    }
    this.#growing = this.#part?.status === "streaming";
  }

  /** Nobody says when a tool starts: it has been called, and the run goes on. */
  #label({ status, error, result }: ToolPart): string {
    if (status === "error" && result === STOPPED) return STOPPED;
    if (error && result === null) return INCOMPLETE;
    return LABELS[status === "called" && !this.context.over ? "running" : status];
  }

  #time({ status, duration, began }: ToolPart): string {
    if (duration !== null) return duration < 0.01 ? "" : seconds(duration);
    const running = !this.context.over && (status === "called" || status === "running");
    return running ? soFar(this.context.now - began) : "";
  }

  #writeArguments(part: ToolPart): void {
    if (part.status === "streaming") {
      if (this.#offset < MAX_SHOWN) this.#arguments.appendData(part.input.since(this.#offset));
      this.#offset = part.input.length;
      toggle(this.#argumentsBox, part.input.length > NOTHING);
    } else if (this.#written === null || (part.preview && part.preview !== this.#written)) {
      // Numbers of JavaScript are not the kernel's: what a person decides on is what the kernel wrote.
      const parsed = part.arguments === null ? String(part.input) : json(part.arguments);
      this.#written = part.preview || parsed;
      this.#arguments.data = bounded(this.#written);
      toggle(this.#argumentsBox, this.#written.length > NOTHING);
    }
  }

  #writeProgress(part: ToolPart): void {
    const last = part.progress.at(-1);
    toggle(this.#progress, last !== undefined && part.status === "running");
    if (last !== undefined) setText(this.#progress, bounded(json(last)));
  }

  #writeResult(part: ToolPart): void {
    const result = part.error ? part.error : part.result;
    if (result === null || result === this.#shownResult) return;
    this.#shownResult = result;
    const text = bounded(json(result));
    const table = createDataFrame(text);
    if (table) {
      this.#result.replaceWith(table);
      return;
    }
    setText(this.#result, text);
    // An agent's answer stands above already.
    const told = this.#nest.hasChildNodes() && part.status === "done";
    const label = this.#label(part);
    const shown = text !== "" && !told && label !== STOPPED;
    toggle(this.#result, shown);
    if (!shown) return;
    const title = label === INCOMPLETE ? "Cut off" : (RESULTS[part.status] ?? "Result");
    this.#result.dataset.label = title;
    const long = text.length > SHORT || text.split("\n", SHORT_LINES + 1).length > SHORT_LINES;
    if (long && this.#fold === null) {
      this.#fold = h("details", { class: "nbs-fold" }, h("summary", {}));
      this.#result.replaceWith(this.#fold);
      this.#fold.append(this.#result);
    }
    if (this.#fold?.firstElementChild) {
      setText(this.#fold.firstElementChild, `${title} · ${count(text.length)} characters`);
    }
  }
}

function bounded(text: string): string {
  if (text.length <= MAX_SHOWN) return text;
  return `${text.slice(0, MAX_SHOWN)}\n… ${count(text.length - MAX_SHOWN)} more characters`;
}
