import type { MarkdownRenderer } from "../markdown";
import type { TextPart } from "../run/parts";

/** Draws one growing part with a renderer, each character once. */
export class TextWriter {
  part: TextPart | null = null;
  #offset = 0;
  #anew = false;

  constructor(readonly renderer: MarkdownRenderer) {}

  follow(part: TextPart): void {
    this.part = part;
  }

  rebind(): void {
    this.#anew = true;
  }

  write(): void {
    const content = this.part?.content;
    if (!content) return;
    if (this.#anew) {
      this.#anew = false;
      const text = String(content);
      const drawn = this.renderer.text;
      if (text.startsWith(drawn)) this.#offset = drawn.length;
      else {
        this.renderer.set(text);
        this.#offset = text.length;
      }
    }
    const text = content.since(this.#offset);
    if (text !== "") this.renderer.append(text);
    this.#offset = content.length;
  }

  end(): void {
    this.write();
    this.renderer.end();
  }
}
