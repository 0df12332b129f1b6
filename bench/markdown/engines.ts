// The engines, each behind the same two calls.

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { marked } from "marked";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { Streamdown } from "streamdown";
import * as smd from "streaming-markdown";
import { createMarkdown, type LoadModule } from "../../js/src/markdown/index";

export interface Engine {
  append(text: string): void;
  end(): void;
}

const loadModule: LoadModule = (name) =>
  name === "math"
    ? import("../../js/src/markdown/lazy/math")
    : import("../../js/src/markdown/lazy/languages");

/** Ready-made nodes, appended in the order and at the speed of their text: what the browser costs. */
function floor(root: HTMLElement, whole: string): Engine {
  const made = document.createElement("div");
  made.innerHTML = new MarkdownIt().render(whole);
  type Step = { open: Element } | { close: true } | { text: string };
  const steps: Step[] = [];
  let total = 0;
  const walk = (node: Node): void => {
    for (const child of node.childNodes) {
      if (child instanceof Text) {
        steps.push({ text: child.data });
        total += child.data.length;
      } else {
        steps.push({ open: child as Element });
        walk(child);
        steps.push({ close: true });
      }
    }
  };
  walk(made);
  const scale = total / whole.length;
  let at = 0;
  let due = 0;
  let parent: Node = root;
  let text: Text | null = null;
  const run = (): void => {
    for (; at < steps.length; at++) {
      const step = steps[at] as Step;
      if ("open" in step) {
        parent = parent.appendChild(step.open.cloneNode(false));
      } else if ("close" in step) {
        parent = parent.parentNode as Node;
      } else {
        if (due <= 0) return;
        const done = text?.length ?? 0;
        const piece = step.text.slice(done, done + Math.ceil(due));
        due -= piece.length;
        if (text) text.appendData(piece);
        else text = parent.appendChild(document.createTextNode(piece));
        if (text.length < step.text.length) return;
        text = null;
      }
    }
  };
  return {
    append(piece) {
      due += piece.length * scale;
      run();
    },
    end() {
      due = Number.POSITIVE_INFINITY;
      run();
    },
  };
}

function rerender(root: HTMLElement, html: (text: string) => string): Engine {
  let all = "";
  return {
    append(piece) {
      all += piece;
      root.innerHTML = html(all);
    },
    end() {},
  };
}

export const engines: Record<string, (root: HTMLElement, whole: string) => Engine> = {
  floor,
  nbstream: (root) => createMarkdown(root, { loadModule }),
  "nbstream, formulas as text": (root) => createMarkdown(root),
  "streaming-markdown": (root) => {
    const parser = smd.parser(smd.default_renderer(root));
    return { append: (text) => smd.parser_write(parser, text), end: () => smd.parser_end(parser) };
  },
  streamdown: (root) => {
    const react = createRoot(root);
    let all = "";
    return {
      append(piece) {
        all += piece;
        react.render(createElement(Streamdown, null, all));
      },
      end() {},
    };
  },
  "marked + DOMPurify": (root) =>
    rerender(root, (text) => DOMPurify.sanitize(marked.parse(text, { async: false }))),
  "markdown-it": (root) => {
    const md = new MarkdownIt({ linkify: true });
    return rerender(root, (text) => md.render(text));
  },
};
