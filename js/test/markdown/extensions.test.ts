import footnotes from "markdown-it-footnote";
import { describe, expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";
import { createGrammar } from "../../src/markdown/inline/grammar";
import type { MarkdownIt } from "../../src/markdown/inline/syntax";
import { structure } from "./canonical";
import { characters, random, randomCuts } from "./cuts";
import { renderFull } from "./full";

type BlockRule = Parameters<MarkdownIt["block"]["ruler"]["before"]>[2];

/** Formulas of their own, as a rule of markdown-it's block parser. */
const mathBlock: BlockRule = (state, startLine, endLine, silent) => {
  const lineAt = (line: number): string =>
    state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
  if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const first = lineAt(startLine);
  const open = /^(?:\$\$(?!\$)|\\\[(?=\s*$))/.exec(first)?.[0];
  if (!open) return false;
  const close = open === "$$" ? "$$" : "\\]";
  let tex = first.slice(2);
  let line = startLine + 1;
  const end = tex.indexOf(close);
  if (end >= 0) {
    if (end === 0 || tex.slice(end + 2).trim()) return false;
    tex = tex.slice(0, end);
  } else {
    for (; ; line++) {
      if (line >= endLine || state.isEmpty(line)) return false;
      if ((state.sCount[line] ?? 0) < state.blkIndent) return false;
      const text = lineAt(line).trimEnd();
      if (text.endsWith(close)) {
        tex += `\n${text.slice(0, -2)}`;
        line++;
        break;
      }
      tex += `\n${text}`;
    }
  }
  if (silent) return true;
  state.line = line;
  state.push("math_block", "", 0).content = tex.trim();
  return true;
};

/** The library with the same extensions, as its own plugins. */
function library(): MarkdownIt {
  const md = createGrammar();
  md.block.ruler.before("fence", "math_block", mathBlock, {
    alt: ["paragraph", "reference", "blockquote", "list"],
  });
  md.inline.ruler.disable("footnote_mark");
  md.use(footnotes);
  md.inline.ruler.disable("footnote_inline");
  return md;
}

const md = library();

function full(markdown: string): string {
  const root = document.createElement("div");
  renderFull(markdown, root, md);
  return structure(root);
}

function streamed(pieces: string[]): string {
  const root = document.createElement("div");
  const renderer = createMarkdown(root);
  for (const piece of pieces) renderer.append(piece);
  renderer.end();
  return structure(root);
}

const examples = [
  "A formula $x^2$ and \\(y\\) and $$z$$.\n",
  "$$\nx = 1\n$$\n",
  "Text:\n$$\nx = 1 \\\\\n- y\n$$\nmore\n",
  "- item\n  $$\n  a\n  $$\n- next\n",
  "> $$\n> a + b\n> $$\n",
  "$$x$$\n\ntext $$y$$ text\n",
  "$$x$$ and text\n",
  "\\[\n\\frac{1}{2}\n\\]\n",
  "\\[ x + y \\] in a line\n",
  "Prices of $5 and $6, or 5$ and 6$.\n",
  "It costs $5,000.00 or $6.50 (was $7).\n",
  "US$5 and CA$6; $HOME/$USER; $5-$10\n",
  "$a$b$ and $ c $ and $d$\n",
  "Escaped \\$5 and $6\\$ and $x\\$y$.\n",
  "`$x$` and \\(a\n\nb\\)\n",
  "A note[^1] and another[^b], again[^1].\n\n[^1]: First *note*.\n[^b]: Second.\n",
  "[^b]: Second.\n\n[^a]: First.\n\nText[^a] and[^b].\n",
  "No note[^1] here[^2].\n\n[^2]: Only this.\n",
  "Note[^1].\n\n[^1]: One\n\n    two\n\n    - list\n",
  "Note[^x] in *a[^y]* row.\n\n[^y]: Y.\n\nBetween.\n\n[^x]: X.\n",
  "> Note[^q] in a quote.\n\n[^q]: Q.\n",
  "| a[^t] |\n|---|\n| b[^u] |\n\n[^u]: U\n\n[^t]: T\n",
  "Unused.\n\n[^never]: Nobody asks.\n",
  "[^1\n",
];

describe("formulas and footnotes end as the library's full parse", () => {
  test.each(examples.map((markdown) => [markdown]))("%j", (markdown) => {
    const expected = full(markdown);
    expect(streamed([markdown]), "in one piece").toBe(expected);
    expect(streamed(characters(markdown)), "by characters").toBe(expected);
    const next = random(markdown.length);
    for (let round = 0; round < 6; round++) {
      expect(streamed(randomCuts(markdown, next, 9)), "by random cuts").toBe(expected);
    }
  });
});

describe("a number between dollars is a formula, prices are text", () => {
  test.each([
    ["$1$", ["1"]],
    ["terms $1$, $2.5$ and $n$.", ["1", "2.5", "n"]],
    ["$5 and $6", []],
    ["$5-$10", []],
    ["costs $1, $2", []],
    ["$1$2", []],
    ["$ 1 $ or $1 $", []],
    ["from $1,$2 to $3k$", []],
  ])("%j", (markdown, formulas) => {
    const root = document.createElement("div");
    createMarkdown(root).set(markdown);
    expect(Array.from(root.querySelectorAll(".md-math"), (node) => node.textContent)).toEqual(
      formulas,
    );
  });
});
