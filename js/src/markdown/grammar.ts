// The inline grammar: markdown-it's rules (CommonMark, strikethrough) with GFM's autolinks, math
// and footnote marks added. Links and footnotes are looked up in the environment a leaf brings.

import createMarkdownIt from "markdown-it";
import { autolinks } from "./autolink";
import { footnoteMarks } from "./footnote";
import { mathRules } from "./math";

export type MarkdownIt = InstanceType<typeof createMarkdownIt>;
export type StateInline = InstanceType<MarkdownIt["inline"]["State"]>;
export type Token = StateInline["tokens"][number];

export interface Reference {
  href: string;
  title: string;
}

export interface InlineEnv {
  [key: string | symbol]: unknown;
  references: Record<string, Reference>;
  /** The number of a footnote, or 0 where there is none of that label. */
  footnote: (label: string) => number;
}

export function createGrammar(): MarkdownIt {
  const md = new createMarkdownIt({ html: true });
  autolinks(md);
  mathRules(md);
  footnoteMarks(md);
  return md;
}

export const grammar = createGrammar();

export function parseInline(source: string, env: InlineEnv): Token[] {
  const tokens: Token[] = [];
  grammar.inline.parse(source, grammar, env, tokens);
  return tokens;
}
