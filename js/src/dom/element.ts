type Attributes = Record<string, string | boolean | undefined>;

/** An element with attributes and children; strings become text, never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Sets text only where it differs, so that a selection in it survives. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function toggle(element: HTMLElement, shown: boolean): void {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Puts `node` right behind `previous`, or first; a node that is there already is not touched. */
export function placeAfter(parent: Element, previous: Node | null, node: Node): void {
  const next = previous ? previous.nextSibling : parent.firstChild;
  if (next !== node) parent.insertBefore(node, next);
}

export function button(
  action: string,
  label: string,
  symbol: keyof typeof ICONS | null,
  onClick: () => void,
): HTMLButtonElement {
  const element = h("button", { type: "button", class: "nbs-button", "data-action": action });
  if (symbol) element.append(icon(symbol));
  element.append(h("span", { class: "nbs-label" }, label));
  element.addEventListener("click", (event) => {
    event.stopPropagation();
    onClick();
  });
  return element;
}

const ICONS = {
  stop: "M5 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z",
  copy: "M6 6V3.5A1.5 1.5 0 0 1 7.5 2h5A1.5 1.5 0 0 1 14 3.5v5a1.5 1.5 0 0 1-1.5 1.5H10M3.5 6h5A1.5 1.5 0 0 1 10 7.5v5A1.5 1.5 0 0 1 8.5 14h-5A1.5 1.5 0 0 1 2 12.5v-5A1.5 1.5 0 0 1 3.5 6z",
  check: "M3 8.5l3.2 3.2L13 4.8",
  raw: "M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5",
  down: "M8 3v10M3.8 8.8L8 13l4.2-4.2",
  cross: "M4 4l8 8M12 4l-8 8",
  tool: "M9.8 5.2a3.4 3.4 0 0 1 4-2.9l-2.1 2.1 1.9 1.9 2.1-2.1a3.4 3.4 0 0 1-4.6 3.9l-5.4 5.4a1.5 1.5 0 0 1-2.1-2.1l5.4-5.4a3.4 3.4 0 0 1 .8-.8z",
  alert: "M8 2.2L14.6 13.5H1.4zM8 6.5v3.2M8 11.6v.1",
} as const;

export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `nbs-icon nbs-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
