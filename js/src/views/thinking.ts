import { h, setText } from "../dom/element";
import { ticking } from "../dom/format";
import { createMarkdown } from "../markdown";
import type { Part, TextPart } from "../run/parts";
import type { PartContext, PartView } from "./part";
import { TextWriter } from "./writer";

/** The model's reasoning: open while it streams, then folded, unless the reader said otherwise. */
export class ThinkingView implements PartView {
  readonly node: HTMLDetailsElement;
  #summary = h("span", { class: "nbs-breathing" }, "Thinking…");
  #body = h("div", { class: "nbs-thinking-body" });
  #scroller = h("div", { class: "nbs-thinking-scroll", tabindex: "0" }, this.#body);
  #writer: TextWriter;
  #touched = false;
  #settled = false;
  #pinned = true;

  constructor({ loadModule }: PartContext) {
    this.#writer = new TextWriter(createMarkdown(this.#body, { loadModule }));
    const summary = h("summary", {}, this.#summary);
    this.node = h("details", { "data-part": "thinking", open: true }, summary, this.#scroller);
    summary.addEventListener("click", () => {
      this.#touched = true;
    });
    this.#scroller.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
      this.#pinned = scrollHeight - scrollTop - clientHeight < 8;
    });
  }

  takes(): boolean {
    return false;
  }

  grew(part: Part): void {
    const thought = part as TextPart;
    // a signature alone is for the provider
    this.node.hidden = thought.content.length === 0 && thought.redacted === "";
    this.#writer.follow(thought);
    this.#settled = false;
  }

  rebind(): void {
    this.#writer.rebind();
  }

  write(): void {
    this.#writer.write();
  }

  settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#writer.end();
    const part = this.#writer.part;
    if (!part) return;
    setText(
      this.#summary,
      `Thought for ${ticking(Math.max(1, Math.round(part.until - part.time)))}`,
    );
    this.#summary.classList.remove("nbs-breathing");
    if (part.content.length === 0) {
      this.#scroller.replaceChildren("The provider does not show this reasoning.");
    }
    if (!this.#touched) this.node.open = false;
  }

  measure(): void {
    if (this.node.open && this.#pinned && !this.#settled) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
    }
  }
}
