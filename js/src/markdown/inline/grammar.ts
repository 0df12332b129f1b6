// The inline grammar: markdown-it's rules (CommonMark, strikethrough) with GFM's autolinks, math
// and footnote marks added. Links and footnotes are looked up in the environment a leaf brings.

import createMarkdownIt from "markdown-it";
import { autolinks } from "./autolink";
import { footnoteMarks } from "./footnote";
import { mathRules } from "./math";
import { tailRules } from "./tail";

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
  /** Whether the text goes on: what is unfinished at its end is read as it most probably will be. */
  live: boolean;
  /** Set by parsing: whether text to come could change how this text reads. */
  unclosed: boolean;
}

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
