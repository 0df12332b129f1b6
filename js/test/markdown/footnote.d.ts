declare module "markdown-it-footnote" {
  const plugin: (md: import("../../src/markdown/grammar").MarkdownIt) => void;
  export default plugin;
}
