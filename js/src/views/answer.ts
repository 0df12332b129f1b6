import { h, toggle } from "../dom/element";
import { createMarkdown, type MarkdownRenderer } from "../markdown";
import type { Options } from "../protocol/traits";
import type { Part, TextPart } from "../run/parts";
import type { PartContext, PartView } from "./part";
import { createPlain } from "./plain";

/**
 * A stretch of the answer. Neighbouring text parts make one, because providers split text in the middle
 * of a sentence where a citation ends.
 */
export class AnswerView implements PartView {
  readonly node: HTMLElement;
  #body: HTMLElement;
  #renderer: MarkdownRenderer;
  #parts: TextPart[] = [];
  /** Everything before character `#offset` of part `#index` is drawn. */
  #index = 0;
  #offset = 0;
  #anew = false;
  #settled = false;
  #raw: Text | null = null;

  constructor(format: Options["format"], first: TextPart, { loadModule }: PartContext) {
    this.#body = h("div", { class: "nbs-text" });
    const choice = first.choice
      ? [h("div", { class: "nbs-choice" }, `Choice ${first.choice + 1}`)]
      : [];
    this.node = h("div", { "data-part": "answer", dir: "auto" }, ...choice, this.#body);
    this.#renderer =
      format === undefined || format === "markdown"
        ? createMarkdown(this.#body, { loadModule })
        : createPlain(this.#body, format);
  }

  takes(part: Part): boolean {
    const mine = this.#parts[0];
    if (part.kind !== "text" || part.paragraph) return false;
    return part.choice === mine?.choice && part.step === mine.step;
  }

  grew(part: Part): void {
    const at = this.#parts.lastIndexOf(part as TextPart);
    if (at === -1) this.#parts.push(part as TextPart);
    else if (at < this.#index) this.#anew = true;
    if (this.#settled) this.#anew = true;
  }

  rebind(): void {
    this.#parts = [];
    this.#anew = true;
  }

  write(): void {
    if (this.#anew) this.#reconcile();
    for (let part = this.#parts[this.#index]; part; part = this.#parts[this.#index]) {
      this.#append(part.content.since(this.#offset));
      this.#offset = part.content.length;
      if (this.#index === this.#parts.length - 1) break;
      this.#index += 1;
      this.#offset = 0;
    }
  }

  settle(): void {
    if (this.#settled) return;
    this.write();
    this.#settled = true;
    this.#renderer.end();
  }

  showRaw(raw: boolean): void {
    if (raw && this.#raw === null) {
      this.#raw = document.createTextNode(this.#renderer.text);
      this.node.append(h("pre", { class: "nbs-raw" }, this.#raw));
    }
    toggle(this.#body, !raw);
    if (this.#raw?.parentElement) toggle(this.#raw.parentElement, raw);
  }

  /** Where the text ends, for the caret. */
  get end(): HTMLElement {
    return this.#body;
  }

  #append(text: string): void {
    if (text === "") return;
    this.#renderer.append(text);
    this.#raw?.appendData(text);
  }

  /** Text that is drawn and still true stays, with its nodes. */
  #reconcile(): void {
    this.#anew = false;
    const text = this.#parts.map((part) => part.content).join("");
    const drawn = this.#renderer.text;
    if (!this.#settled && text.startsWith(drawn)) {
      this.#append(text.slice(drawn.length));
    } else if (text !== drawn) {
      this.#settled = false;
      this.#renderer.set(text);
      if (this.#raw) this.#raw.data = text;
    }
    this.#index = Math.max(this.#parts.length - 1, 0);
    this.#offset = this.#parts[this.#index]?.content.length ?? 0;
  }
}
