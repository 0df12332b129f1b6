import { h } from "./dom";

const LOOK = 40;

/** A caret behind the last character, wherever the markup has put it. Lies over the text: adds nothing to it. */
export class Caret {
  readonly node = h("span", { class: "nbs-caret", "aria-hidden": "true", hidden: true });

  /** Reads layout; call once everything is written. */
  measure(root: HTMLElement, text: HTMLElement | null): void {
    const at = text && lastCharacter(text);
    if (!at || !root.checkVisibility()) {
      this.node.hidden = true;
      return;
    }
    const origin = root.getBoundingClientRect();
    this.node.style.transform = `translate(${(at.right - origin.left).toFixed(1)}px, ${(at.top - origin.top).toFixed(1)}px)`;
    this.node.style.height = `${at.height.toFixed(1)}px`;
    this.node.hidden = false;
  }
}

function lastCharacter(text: HTMLElement): DOMRect | null {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let node: Node | null = deepest(text);
  if (node.nodeType !== Node.TEXT_NODE) {
    walker.currentNode = node;
    node = walker.previousNode();
  } else walker.currentNode = node;
  for (let looked = 0; node && looked < LOOK; looked++, node = walker.previousNode()) {
    const data = (node as Text).data;
    const length = data.trimEnd().length;
    if (length === 0 || node.parentElement?.closest("button")) continue;
    const range = document.createRange();
    range.setStart(node, length - 1);
    range.setEnd(node, length);
    const boxes = range.getClientRects();
    const box = boxes[boxes.length - 1];
    if (box && box.height > 0) return box;
  }
  return null;
}

function deepest(node: Node): Node {
  let at = node;
  while (at.lastChild) at = at.lastChild;
  return at;
}
