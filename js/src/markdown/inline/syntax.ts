// What the rules of the inline grammar work with: markdown-it's types and the environment a text brings.

import type createMarkdownIt from "markdown-it";

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
