import spec from "commonmark-spec/spec.txt?raw";
import gfmExamples from "./gfm.0.29.json";

export interface Example {
  name: string;
  markdown: string;
  html: string;
}

/** The specification itself, as a document to render. */
export const specification: string = spec;

const EXAMPLE = /^`{32} example\n([\s\S]*?)^\.\n([\s\S]*?)^`{32}$/gm;

/** CommonMark 0.31.2's 652 examples. */
export const commonmark: Example[] = Array.from(
  spec.replace(/^<!-- END TESTS -->[\s\S]*/m, "").matchAll(EXAMPLE),
  ([, markdown = "", html = ""], index) => ({
    name: `CommonMark ${index + 1}`,
    markdown: markdown.replace(/→/g, "\t"),
    html: html.replace(/→/g, "\t"),
  }),
);

/** GitHub Flavored Markdown 0.29's extension examples, as collected by markedjs/marked (MIT). */
export const gfm: Example[] = gfmExamples.map((entry) => ({
  name: `GFM ${entry.example} ${entry.section}`,
  markdown: entry.markdown,
  html: entry.html,
}));
