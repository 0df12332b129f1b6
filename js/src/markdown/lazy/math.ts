// The module `math`: loaded when a text first holds a formula. MathML, drawn by the browser itself:
// no fonts and no style sheet to load.

import temml from "temml";

/** Draws `tex` into `into`; what TeX does not accept is shown as it was written. */
export function drawMath(tex: string, display: boolean, into: HTMLElement): void {
  into.replaceChildren();
  temml.render(tex, into, {
    displayMode: display,
    throwOnError: true,
    trust: false,
    strict: false,
    maxSize: [20, 40],
    maxExpand: 500,
    annotate: true,
  });
}
