// The inline grammar: markdown-it's rules (CommonMark, strikethrough) with GFM's autolinks, math
// and footnote marks added. Links and footnotes are looked up in the environment a leaf brings.

import createMarkdownIt from "markdown-it";
import { autolinks } from "./autolink";
import { footnoteMarks } from "./footnote";
import { mathRules } from "./math";
import type { InlineEnv, MarkdownIt, Token } from "./syntax";
import { tailRules } from "./tail";

/** markdown-it with the inline rules of this engine. */
export function createGrammar(): MarkdownIt {
  const md = createMarkdownIt({ html: true });
  autolinks(md);
  mathRules(md);
  footnoteMarks(md);
  tailRules(md);
  return md;
}

export const grammar = createGrammar();

export function parseInline(source: string, env: InlineEnv): Token[] {
  const tokens: Token[] = [];
  env.unclosed = false;
  grammar.inline.parse(source, grammar, env, tokens);
  return tokens;
}
