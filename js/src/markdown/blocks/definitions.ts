// Link reference definitions at the beginning of a paragraph, by markdown-it's own rule.

import createMarkdownIt from "markdown-it";
import type { Reference } from "../inline/syntax";

const reader = createMarkdownIt();
reader.block.ruler.enableOnly(["reference", "paragraph"]);

export interface Definitions {
  found: Record<string, Reference>;
  /** What is left of the paragraph. */
  rest: string;
}

/** The definitions `paragraph` begins with, or null if there are none. */
export function takeDefinitions(paragraph: string): Definitions | null {
  if (!paragraph.startsWith("[") || !paragraph.includes("]:")) return null;
  const found: Record<string, Reference> = Object.create(null);
  const tokens: Parameters<typeof reader.block.parse>[3] = [];
  reader.block.parse(paragraph, reader, { references: found }, tokens);
  if (tokens[0]?.type !== "reference_definition") return null;
  return { found, rest: tokens.find(({ type }) => type === "inline")?.content ?? "" };
}
