import { h } from "./element";

const LOOK = 40;
const GAP = 3;
const WIDTH = 7;

/** A caret behind the last character, wherever the markup has put it. Lies over the text: adds nothing to it. */
export class Caret {
  readonly node = h("span", { class: "nbs-caret", "aria-hidden": "true", hidden: true });

  /** Reads layout; call once everything is written. */
  measure(root: HTMLElement, text: HTMLElement | null): void {
    const last = text && lastCharacter(text);
    if (!last) {
      this.hide();
      return;
    }
    const { left, top } = root.getBoundingClientRect();
    const { box, rightToLeft } = last;
    const x = (rightToLeft ? box.left - GAP - WIDTH : box.right + GAP) - left;
    this.node.style.transform = `translate(${x.toFixed(1)}px, ${(box.top - top).toFixed(1)}px)`;
    this.node.style.height = `${box.height.toFixed(1)}px`;
    this.node.hidden = false;
  }

  hide(): void {
    this.node.hidden = true;
  }
}

interface Last {
  box: DOMRect;
  rightToLeft: boolean;
}

function lastCharacter(text: HTMLElement): Last | null {
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
    if (box && box.height > 0) return { box, rightToLeft: isRightToLeft(node) };
  }
  return null;
}

function isRightToLeft({ parentElement }: Node): boolean {
  return parentElement !== null && getComputedStyle(parentElement).direction === "rtl";
}

function deepest(node: Node): Node {
  let at = node;
  while (at.lastChild) at = at.lastChild;
  return at;
}
