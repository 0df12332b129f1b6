// Writes raw HTML blocks into the page as they arrive. Elements a block leaves open (<details>,
// <div>) stay open for the markdown that follows, until their closing tag or the container's end.

import { create } from "../../dom/vnode";
import { PHRASING } from "../inline/tags";
import { decodeEntities, readTag } from "./html";

const ATTRIBUTE = `\\s+[a-zA-Z_:][\\w:.-]*(?:\\s*=\\s*(?:[^"'=<>\`\\x00-\\x20]+|'[^']*'|"[^"]*"))?`;
const UNFINISHED = `(?:\\s+(?:[a-zA-Z_:][\\w:.-]*(?:\\s*=\\s*(?:'[^']*|"[^"]*|[^"'=<>\`\\x00-\\x20]*)?)?)?|\\s*/)?`;
const TAG = new RegExp(`<(?:[a-z][a-z0-9-]*(?:${ATTRIBUTE})*\\s*/?|/[a-z][a-z0-9-]*\\s*)>`, "iy");
const TAG_BEGUN = new RegExp(
  `<(?:[a-z][a-z0-9-]*(?:${ATTRIBUTE})*${UNFINISHED}|/(?:[a-z][a-z0-9-]*\\s*)?)?$`,
  "iy",
);
const MAX_TAG = 4_000;
const MAX_OPEN = 32;

interface Opened {
  name: string;
  element: HTMLElement;
}

export class HtmlWriter {
  readonly #open: Opened[] = [];
  #base: HTMLElement | null = null;
  #pending = "";
  #comment = false;

  /** The element the next block belongs in, or null where the last block left none open. */
  get inside(): HTMLElement | null {
    return this.#open.at(-1)?.element ?? null;
  }

  /** Starts a block; returns the wrapper to put into the page, if it needs one. */
  begin(): HTMLElement | null {
    if (this.inside) return null;
    this.#base = document.createElement("div");
    this.#base.className = "md-html";
    return this.#base;
  }

  feed(text: string): void {
    this.#pending += text;
    this.#write(false);
  }

  /** Ends a block: what looked like the beginning of a tag is text; paragraphs and phrases close. */
  end(): void {
    this.#write(true);
    this.#comment = false;
    while (this.#open.length) {
      const name = this.#open.at(-1)?.name as string;
      if (name !== "p" && name !== "summary" && !PHRASING.has(name)) break;
      this.#open.pop();
    }
  }

  #write(final: boolean): void {
    const source = this.#pending;
    let from = 0;
    let at = 0;
    const text = (to: number) => {
      if (to > from) this.#append(document.createTextNode(decodeEntities(source.slice(from, to))));
    };
    while (at < source.length) {
      if (this.#comment) {
        const end = source.indexOf("-->", at);
        this.#comment = end < 0;
        from = at = end < 0 ? Math.max(at, source.length - 2) : end + 3;
        if (this.#comment) break;
        continue;
      }
      at = source.indexOf("<", at);
      if (at < 0) break;
      if (source.startsWith("<!--", at)) {
        text(at);
        this.#comment = true;
        from = at += 4;
        continue;
      }
      TAG.lastIndex = at;
      const tag = TAG.exec(source)?.[0];
      if (tag) {
        text(at);
        from = at;
        at += tag.length;
        if (this.#tag(tag)) from = at;
        continue;
      }
      TAG_BEGUN.lastIndex = at;
      const rest = source.length - at;
      const begun =
        "<!--".startsWith(source.slice(at)) || (rest < MAX_TAG && TAG_BEGUN.test(source));
      if (begun && !final) {
        text(at);
        this.#pending = source.slice(at);
        return;
      }
      at++;
    }
    if (!this.#comment) {
      text(source.length);
      from = source.length;
    }
    this.#pending = final ? "" : source.slice(from);
  }

  #tag(source: string): boolean {
    const tag = readTag(source, false);
    if (!tag) return false;
    if (tag.kind === "close") {
      const at = this.#open.findLastIndex((opened) => opened.name === tag.name);
      if (at >= 0) this.#open.length = at;
    } else if (tag.kind === "open") {
      const element = create(tag.node) as HTMLElement;
      this.#append(element);
      if (!tag.empty && this.#open.length < MAX_OPEN) this.#open.push({ name: tag.name, element });
    }
    return true;
  }

  #append(node: Node): void {
    (this.inside ?? this.#base)?.append(node);
  }
}
