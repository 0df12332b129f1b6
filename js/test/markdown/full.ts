// The whole text parsed at once by markdown-it, and its tokens as DOM.

import { create, element } from "../../src/dom/vnode";
import { codeBox, tableBox } from "../../src/markdown/draw/boxes";
import { HtmlWriter } from "../../src/markdown/draw/html_writer";
import { type DrawMath, inlineNodes } from "../../src/markdown/draw/nodes";
import { grammar } from "../../src/markdown/inline/grammar";
import type { InlineEnv, MarkdownIt, Token } from "../../src/markdown/inline/syntax";

const TASK = /^\[([ xX])\](?=\s)/;

interface Container {
  element: HTMLElement;
  html: HtmlWriter;
}

const plainMath: DrawMath = (tex, _display, into) => {
  into.textContent = tex;
};

/** Every line ends in a newline, the last one of the text too. */
function withNewline(content: string): string[] {
  return content && !content.endsWith("\n") ? [`${content}\n`] : [content];
}

export function renderFull(
  source: string,
  root: HTMLElement,
  md: MarkdownIt = grammar,
  draw: DrawMath = plainMath,
): void {
  const env: InlineEnv = { references: {}, footnote: () => 0, live: false, unclosed: false };
  const tokens = md.parse(source, env);
  const stack: Container[] = [{ element: root, html: new HtmlWriter() }];
  const top = (): Container => stack.at(-1) as Container;
  const place = (node: Node): void => {
    const { element: own, html } = top();
    (html.inside ?? own).append(node);
  };
  const open = (made: HTMLElement, inside = made): void => {
    place(made);
    stack.push({ element: inside, html: new HtmlWriter() });
  };
  const leaf = (token: Token): void => {
    const children = token.children ?? [];
    for (const child of children) {
      if (child.type !== "footnote_ref") continue;
      child.type = "footnote_mark";
      child.content = String((child.meta as { id: number }).id + 1);
    }
    const holder = top().element;
    const item = holder.parentElement;
    const first = children[0];
    const task =
      item?.tagName === "LI" &&
      holder.tagName === "P" &&
      item.firstChild === holder &&
      first?.type === "text"
        ? TASK.exec(first.content)
        : null;
    if (task && first && item) {
      first.content = first.content.slice(3);
      const box = { type: "checkbox", disabled: "" };
      holder.append(create(element("input", task[1] === " " ? box : { ...box, checked: "" })));
      item.dataset.task = "";
    }
    for (const node of inlineNodes(children, draw)) holder.append(create(node));
  };
  tokens.forEach((token, index) => {
    switch (token.type) {
      case "inline":
        leaf(token);
        break;
      case "hr":
        place(document.createElement("hr"));
        break;
      case "fence":
      case "code_block": {
        const frame = codeBox();
        const lang = grammar.utils.unescapeAll(token.info).trim().split(/\s+/)[0] ?? "";
        frame.label.textContent = lang;
        if (lang) frame.code.dataset.lang = lang;
        frame.code.append(...withNewline(token.content));
        place(frame.root);
        break;
      }
      case "html_block": {
        const { html } = top();
        const wrapper = html.begin();
        if (wrapper) top().element.append(wrapper);
        html.feed(withNewline(token.content).join(""));
        html.end();
        break;
      }
      case "footnote_block_open": {
        const section = document.createElement("section");
        section.className = "md-notes";
        const list = document.createElement("ol");
        section.append(list);
        open(section, list);
        break;
      }
      case "footnote_open": {
        const note = document.createElement("li");
        note.className = "md-note";
        note.value = (token.meta as { id: number }).id + 1;
        note.dataset.noteBody = String(note.value);
        open(note);
        break;
      }
      case "footnote_anchor":
        break;
      case "math_block": {
        const made = document.createElement("div");
        made.className = "md-math md-math-display";
        draw(token.content, true, made);
        place(made);
        break;
      }
      case "table_open": {
        const frame = tableBox();
        open(frame.root, frame.table);
        break;
      }
      default: {
        if (token.nesting < 0) {
          stack.pop();
        } else if (token.nesting > 0) {
          const made = document.createElement(token.tag);
          if (token.type === "bullet_list_open" || token.type === "ordered_list_open") {
            const tight = tokens
              .slice(index)
              .find((t) => t.level === token.level + 2 && t.type === "paragraph_open");
            if (!tight || tight.hidden) made.dataset.tight = "";
          }
          const start = token.attrGet("start");
          if (start !== null) made.setAttribute("start", String(start));
          const align = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""))?.[1];
          if (align) made.dataset.align = align;
          open(made);
        }
      }
    }
  });
}
