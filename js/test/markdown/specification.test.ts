import { describe, expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";
import { meaning } from "./canonical";
import { commonmark, gfm } from "./examples";

function rendered(markdown: string): HTMLElement {
  const root = document.createElement("div");
  const renderer = createMarkdown(root);
  renderer.append(markdown);
  renderer.end();
  return root;
}

function expected(html: string): Node {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** Examples with raw HTML are rendered by our own list of tags, so their HTML differs by design. */
const hasRawHtml = (markdown: string): boolean => /<[a-z/!?]/i.test(markdown);

/** Where GFM, or markdown-it, differs from the specification it extends. */
const DEVIATIONS: Record<string, string> = {
  "CommonMark 608": "a bare address is a link in GFM",
  "CommonMark 611": "a bare address is a link in GFM",
  "CommonMark 612": "a bare e-mail address is a link in GFM",
  "GFM 491 [extension] Strikethrough": "markdown-it strikes by two tildes, never by one",
  "GFM 493 [extension] Strikethrough": "markdown-it takes two of three tildes",
  "GFM 634 [extension] Autolinks": "a resource after an xmpp: address is not part of the link",
  "GFM 635 [extension] Autolinks": "a resource after an xmpp: address is not part of the link",
};

describe("the specifications' own HTML", () => {
  test.each(
    [...commonmark, ...gfm].filter(
      ({ markdown, name }) => !hasRawHtml(markdown) && !DEVIATIONS[name],
    ),
  )("$name", ({ markdown, html }) => {
    expect(meaning(rendered(markdown))).toBe(meaning(expected(html)));
  });
});
