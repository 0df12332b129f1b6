import { h } from "../dom/element";
import type { MarkdownRenderer } from "../markdown";
import { createJson } from "./json";

/** Text as it is, for the formats that are not markdown. */
export function createPlain(root: HTMLElement, format: "text" | "code" | "json"): MarkdownRenderer {
  if (format === "json") return createJson(root);
  const content = document.createTextNode("");
  root.append(
    format === "text"
      ? h("div", { class: "nbs-plain" }, content)
      : h("pre", { class: "nbs-code" }, h("code", {}, content)),
  );
  return {
    append: (text) => content.appendData(text),
    end: () => {},
    set: (text) => {
      content.data = text;
    },
    get text() {
      return content.data;
    },
  };
}
