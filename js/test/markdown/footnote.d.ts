declare module "markdown-it-footnote" {
  const plugin: (md: import("../../src/markdown/inline/grammar").MarkdownIt) => void;
  export default plugin;
}
