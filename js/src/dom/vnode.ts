// A description of inline DOM, and the patch that brings the page to it in place: a node that is
// described again as it was is not touched, so selections in it survive.

export type Attributes = Readonly<Record<string, string>>;

export interface VText {
  text: string;
  dom?: Text;
}

export interface VElement {
  tag: string;
  attrs: Attributes;
  children: VNode[];
  /** Draws the inside itself (math); called again only when `key` changes. */
  mount?: { key: string; draw: (element: HTMLElement) => void };
  dom?: HTMLElement;
}

export type VNode = VText | VElement;

const NO_ATTRIBUTES: Attributes = {};

export function text(value: string): VText {
  return { text: value };
}

export function element(
  tag: string,
  attrs: Attributes = NO_ATTRIBUTES,
  children: VNode[] = [],
): VElement {
  return { tag, attrs, children };
}

/** Creates the DOM of `node`. */
export function create(node: VNode): Text | HTMLElement {
  if (!("tag" in node)) {
    node.dom = document.createTextNode(node.text);
    return node.dom;
  }
  const dom = document.createElement(node.tag);
  for (const name in node.attrs) dom.setAttribute(name, node.attrs[name] as string);
  if (node.mount) node.mount.draw(dom);
  else for (const child of node.children) dom.append(create(child));
  node.dom = dom;
  return dom;
}

function patchText(old: VText, next: VText): void {
  const dom = old.dom as Text;
  if (next.text !== old.text) {
    if (next.text.startsWith(old.text)) dom.appendData(next.text.slice(old.text.length));
    else dom.data = next.text;
  }
  next.dom = dom;
}

function patchElement(old: VElement, next: VElement): void {
  const dom = old.dom as HTMLElement;
  if (old.attrs !== next.attrs) {
    for (const name in old.attrs) if (!(name in next.attrs)) dom.removeAttribute(name);
    for (const name in next.attrs) {
      const value = next.attrs[name] as string;
      if (old.attrs[name] !== value) dom.setAttribute(name, value);
    }
  }
  if (next.mount) {
    if (old.mount?.key !== next.mount.key) next.mount.draw(dom);
  } else {
    patch(dom, null, old.children, next.children);
  }
  next.dom = dom;
}

function alike(old: VNode, next: VNode): boolean {
  if (!("tag" in old)) return !("tag" in next);
  return "tag" in next && old.tag === next.tag && !old.mount === !next.mount;
}

/** Turns the nodes `old` of `parent`, which end before `before`, into `next`. */
export function patch(parent: Node, before: Node | null, old: VNode[], next: VNode[]): void {
  const common = Math.min(old.length, next.length);
  let at = 0;
  for (; at < common; at++) {
    const a = old[at] as VNode;
    const b = next[at] as VNode;
    if (!alike(a, b)) break;
    if ("tag" in b) patchElement(a as VElement, b);
    else patchText(a as VText, b);
  }
  for (let i = at; i < old.length; i++) {
    const dom = old[i]?.dom;
    if (dom?.parentNode === parent) parent.removeChild(dom);
  }
  for (; at < next.length; at++) parent.insertBefore(create(next[at] as VNode), before);
}
