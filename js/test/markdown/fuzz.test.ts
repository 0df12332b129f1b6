import { expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";
import { structure } from "./canonical";
import { characters, random, randomCuts } from "./cuts";
import { renderFull } from "./full";

const LINES = [
  "",
  "",
  "",
  "text",
  "more *text* here",
  "> quote",
  "> - item",
  "- item",
  "- [x] done",
  "  nested",
  "    code",
  "1. one",
  "2) two",
  "10. ten",
  "# Title",
  "## Two ##",
  "---",
  "===",
  "***",
  "```js",
  "```",
  "~~~",
  "let x = 1;",
  "| a | b |",
  "|---|:-:|",
  "| 1 | `x|y` |",
  "a | b",
  "--|--",
  "[ref]: /url 'title'",
  "[ref]: <x",
  "[ref] and [other][ref]",
  "[other]: https://example.com",
  "<div>",
  "</div>",
  "<details><summary>S</summary>",
  "<!-- c",
  "-->",
  "\tindented",
  " - one space",
  "   - three",
  "     - five",
  "+",
  "*",
  "-",
  "> ",
  ">",
  "**bold",
  "still** not",
  "`code",
  "end`",
  "![img](https://e.x/a.png)",
  "text  ",
  "text\\",
  "<b>x</b> y",
  "https://example.com/a_b_c.",
  "www.x.org",
  "\\[ a",
];

function randomDocument(next: () => number): string {
  const count = 1 + Math.floor(next() * 9);
  let out = "";
  for (let i = 0; i < count; i++) {
    const indent = next() < 0.25 ? " ".repeat(Math.floor(next() * 6)) : "";
    const prefix = next() < 0.15 ? "> " : "";
    out += `${prefix}${indent}${LINES[Math.floor(next() * LINES.length)]}`;
    if (i < count - 1 || next() < 0.7) out += next() < 0.02 ? "\r\n" : "\n";
  }
  return out;
}

function streamed(pieces: string[]): string {
  const root = document.createElement("div");
  const renderer = createMarkdown(root);
  for (const piece of pieces) renderer.append(piece);
  renderer.end();
  return structure(root);
}

// Where markdown-it departs from CommonMark and this engine does not: what may follow a link
// reference definition; blocks that interrupt a lazy paragraph though indented by four columns;
// a table's header inside a quote whose delimiter row is outside; white space kept inside code
// spans of lazy lines; and whether a list of empty items counts as tight, which shows in nothing.
const TOLERATED = 0.02;

test("random documents: the same however they are cut, and as the library's", () => {
  const next = random(20_250_601);
  const differing: string[] = [];
  let compared = 0;
  for (let round = 0; round < 1_200; round++) {
    const markdown = randomDocument(next);
    const whole = streamed([markdown]);
    const cut = round % 3 === 0 ? characters(markdown) : randomCuts(markdown, next, 12);
    expect(streamed(cut), JSON.stringify(markdown)).toBe(whole);
    if (markdown.includes("]:")) continue;
    compared++;
    const root = document.createElement("div");
    renderFull(markdown, root);
    if (structure(root) !== whole) differing.push(JSON.stringify(markdown));
  }
  expect(differing.length / compared, differing.join("\n")).toBeLessThan(TOLERATED);
});

const PHRASES = [
  "plain words that go on",
  "**bold** and",
  "*open em",
  "closed* em",
  "`code`",
  "a ` stray",
  "[link](https://e.x/a)",
  "[half",
  "](https://e.x/b)",
  "[ref]",
  "$x$ for",
  "$5 and",
  "<kbd>k</kbd>",
  "a < b",
  "https://e.x/q?a=b_c",
  "~~gone~~",
  "snake_case_word",
  "2 * 3 * 4",
  "\\*escaped\\*",
  "&amp; &copy;",
  "![i](https://e.x/i.png)",
  "two  \nlines",
  "__strong__",
  "***both***",
  "a**b**c",
];

test("long paragraphs: the same however they are cut, and as the library's", () => {
  const next = random(7);
  for (let round = 0; round < 8; round++) {
    const usual = PHRASES.filter(() => next() < 0.5);
    let markdown = "";
    while (markdown.length < 5_000) {
      markdown += `${usual[Math.floor(next() * usual.length)] ?? "word"} `;
    }
    const root = document.createElement("div");
    renderFull(markdown, root);
    const full = structure(root);
    expect(streamed([markdown]), markdown).toBe(full);
    expect(streamed(randomCuts(markdown, next, 200)), markdown).toBe(full);
    const late = `${markdown}\n\n[ref]: https://e.x/late\n`;
    root.replaceChildren();
    renderFull(late, root);
    expect(streamed(randomCuts(late, next, 200)), late).toBe(structure(root));
  }
});

test("while it arrives, text is drawn as all of it would be at once", () => {
  const next = random(11);
  for (let round = 0; round < 60; round++) {
    let markdown = round % 3 ? "" : "- ";
    while (markdown.length < 250) {
      const phrase = next() < 0.3 ? PHRASES[Math.floor(next() * PHRASES.length)] : "and, so on";
      markdown += `${phrase}${next() < 0.1 ? "\n" : " "}`;
    }
    const root = document.createElement("div");
    const renderer = createMarkdown(root);
    let drawn = "";
    for (const piece of randomCuts(markdown, next, 9)) {
      renderer.append(piece);
      drawn += piece;
      const fresh = document.createElement("div");
      createMarkdown(fresh).append(drawn);
      expect(structure(root), JSON.stringify(drawn)).toBe(structure(fresh));
    }
  }
});

test("long blocks are grouped and still the library's", () => {
  const line = (n: number): string => `item **${n}** \`c\``;
  const many = (make: (n: number) => string): string =>
    Array.from({ length: 300 }, (_, n) => make(n)).join("\n");
  const texts = [
    many((n) => `- ${line(n)}`),
    many((n) => `${n + 3}. ${line(n)}`),
    `| a | b |\n|---|--:|\n${many((n) => `| ${line(n)} | ${n} |`)}`,
    `\`\`\`python\n${many((n) => `x = ${n}`)}\n\`\`\``,
    many((n) => `${line(n)}\n`),
    many((n) => `> ${line(n)}\n>`),
  ];
  for (const markdown of texts) {
    const root = document.createElement("div");
    renderFull(markdown, root);
    expect(streamed(randomCuts(markdown, random(3), 40))).toBe(structure(root));
  }
});
