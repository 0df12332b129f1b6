// Two readings of rendered DOM as text, to compare: `structure` is exact, `meaning` takes our
// frames and tooltips off so that the specifications' own HTML can be compared.

/** Attributes that only say how long blocks are laid out. */
function isGrouping(element: Element, name: string): boolean {
  if (element.localName === "table") return name === "class" || name === "style";
  return element.parentElement?.className === "md-group" && name === "value";
}

/** Every element, attribute and character, but for groups, colours and what they need. */
export function structure(root: Node): string {
  let out = "";
  const visit = (node: Node): void => {
    if (node instanceof Text) {
      out += node.data.replace(/[\\<]/g, "\\$&");
    } else if (node instanceof Element) {
      if (node.matches("section.md-notes[hidden]")) return;
      const transparent = node.matches(".md-group, .md-token, tbody");
      if (!transparent) {
        const attrs = Array.from(node.attributes)
          .filter(({ name }) => !isGrouping(node, name))
          .map(({ name, value }) => ` ${name}=${JSON.stringify(value)}`);
        out += `<${node.localName}${attrs.sort().join("")}>`;
      }
      for (const child of node.childNodes) visit(child);
      if (!transparent) out += `</${node.localName}>`;
    }
  };
  for (const child of root.childNodes) visit(child);
  return out;
}

const BLOCKS = new Set(
  "P H1 H2 H3 H4 H5 H6 UL OL LI BLOCKQUOTE PRE TABLE THEAD TBODY TR TH TD HR".split(" "),
);

function attribute(element: Element, name: string): string {
  const value = element.getAttribute(name);
  return value === null ? "" : ` ${name}=${value}`;
}

function linkTarget(element: Element): string {
  const href = element.getAttribute("href");
  const title = element.getAttribute("title");
  if (element.hasAttribute("target") || element.hasAttribute("data-refused")) return title ?? "";
  if (href?.startsWith("#") && title?.endsWith(href)) return title;
  return title ? `${title} (${href})` : (href ?? "");
}

export function meaning(root: Node): string {
  const inside = (node: Node): string => Array.from(node.childNodes, visit).join("");
  const visit = (node: Node): string => {
    if (node instanceof Text) {
      return node.parentElement?.closest("pre") ? node.data : node.data.replace(/\s+/g, " ");
    }
    if (!(node instanceof Element)) return "";
    const name = node.tagName;
    if (node.matches(".md-bar, button, section.md-notes[hidden]")) return "";
    if (node.matches("div, span.md-group, span.md-token")) return inside(node);
    if (name === "A") return `<a ${linkTarget(node)}>${inside(node)}</a>`;
    if (name === "IMG") return `<img ${node.getAttribute("alt")}>`;
    if (node.matches("span.md-image")) {
      const alt = node.getAttribute("data-alt") ?? node.textContent ?? "";
      return `<img ${alt === "image" ? "" : alt}>`;
    }
    if (name === "INPUT") return `<box ${node.hasAttribute("checked")}>`;
    const tag = name.toLowerCase();
    if (name === "CODE" && node.closest("pre")) {
      const lang = node.getAttribute("data-lang") ?? node.className.replace("language-", "");
      return `<code ${lang}>${node.textContent}</code>`;
    }
    if (
      name === "P" &&
      node.closest("ul, ol")?.hasAttribute("data-tight") &&
      node.parentElement?.tagName === "LI"
    ) {
      return `${inside(node).trim()} `;
    }
    const align = node.getAttribute("data-align") ?? node.getAttribute("align") ?? "";
    const extra = `${attribute(node, "start")}${align && ` ${align}`}`;
    const text = BLOCKS.has(name) && name !== "PRE" ? inside(node).trim() : inside(node);
    return `<${tag}${extra}>${text}</${tag}>`;
  };
  return inside(root)
    .replace(
      /\s*(<\/?(?:p|h[1-6]|ul|ol|li|blockquote|pre|table|thead|tbody|tr|th|td|hr)\b[^>]*>)\s*/g,
      "$1",
    )
    .trim();
}
