declare module "markdown-it-footnote" {
  const plugin: (md: import("../../src/markdown/inline/syntax").MarkdownIt) => void;
  export default plugin;
}
