// One leaf's inline source as a description of DOM nodes.

import { element, text, type VElement, type VNode } from "../../dom/vnode";
import type { Token } from "../inline/syntax";
import { image, link } from "./elements";
import { readTag } from "./html";

const TAGS: Readonly<Record<string, string>> = {
  em_open: "em",
  strong_open: "strong",
  s_open: "del",
};

/** Draws formulas; set by whoever has loaded the module `math`. */
export type DrawMath = (tex: string, display: boolean, into: HTMLElement) => void;

/** Elements inside one another beyond this are left out, their text is kept. */
const MAX_DEPTH = 50;

interface OpenElement {
  node: VElement;
  /** The raw HTML tag that opened it; undefined for markdown's own. */
  html?: string;
}

function plainText(tokens: readonly Token[]): string {
  let out = "";
  for (const token of tokens) {
    if (token.type === "image") out += plainText(token.children ?? []);
    else if (token.type === "softbreak" || token.type === "hardbreak") out += "\n";
    else if (token.type !== "html_inline") out += token.content;
  }
  return out;
}

function attribute(token: Token, name: string): string {
  return String(token.attrGet(name) ?? "");
}

function mathNode(token: Token, draw: DrawMath): VElement {
  const display = token.type === "math_display";
  const tex = token.content;
  const node = element("span", { class: display ? "md-math md-math-display" : "md-math" });
  node.mount = { key: `${display}${tex}`, draw: (into) => draw(tex, display, into) };
  return node;
}

/** Builds nodes from inline tokens, holding the stack of what is open. */
class Builder {
  readonly roots: VNode[] = [];
  readonly #stack: OpenElement[] = [];

  add(node: VNode): void {
    const siblings = this.#stack.at(-1)?.node.children ?? this.roots;
    const last = siblings.at(-1);
    if (!("tag" in node) && last && !("tag" in last)) last.text += node.text;
    else siblings.push(node);
  }

  open(node: VElement, html?: string): void {
    const deep = this.#stack.length >= MAX_DEPTH;
    if (!deep) this.add(node);
    const into = deep ? (this.#stack.at(-1) as OpenElement).node : node;
    this.#stack.push(html === undefined ? { node: into } : { node: into, html });
  }

  /** Ends markdown's innermost element, and with it raw HTML left open inside. */
  close(): void {
    while (this.#stack.pop()?.html !== undefined);
  }

  /** Ends a raw tag, unless an element of markdown's own stands between. */
  closeHtml(name: string): void {
    for (let i = this.#stack.length - 1; i >= 0 && this.#stack[i]?.html !== undefined; i--) {
      if (this.#stack[i]?.html === name) {
        this.#stack.length = i;
        return;
      }
    }
  }
}

function addHtml(builder: Builder, source: string): void {
  const tag = readTag(source, true);
  if (!tag) builder.add(text(source));
  else if (tag.kind === "close") builder.closeHtml(tag.name);
  else if (tag.kind === "open") {
    if (tag.empty) builder.add(tag.node);
    else builder.open(tag.node, tag.name);
  }
}

export function inlineNodes(tokens: readonly Token[], draw: DrawMath): VNode[] {
  const builder = new Builder();
  for (const token of tokens) {
    switch (token.type) {
      case "text":
      case "text_special":
        if (token.content) builder.add(text(token.content));
        break;
      case "softbreak":
        builder.add(text("\n"));
        break;
      case "hardbreak":
        builder.add(element("br"));
        builder.add(text("\n"));
        break;
      case "code_inline":
        builder.add(element("code", {}, [text(token.content)]));
        break;
      case "link_open":
        builder.open(link(attribute(token, "href"), attribute(token, "title"), []));
        break;
      case "image":
        builder.add(
          image(
            attribute(token, "src"),
            plainText(token.children ?? []),
            attribute(token, "title"),
          ),
        );
        break;
      case "html_inline":
        addHtml(builder, token.content);
        break;
      case "math_inline":
      case "math_display":
        builder.add(mathNode(token, draw));
        break;
      case "footnote_mark":
        builder.add(
          element("sup", { class: "md-footnote-mark" }, [
            element("a", { role: "doc-noteref", tabindex: "0", "data-note": token.content }, [
              text(token.content),
            ]),
          ]),
        );
        break;
      default: {
        const tag = TAGS[token.type];
        if (tag) builder.open(element(tag));
        else if (token.nesting < 0) builder.close();
      }
    }
  }
  return builder.roots;
}
