import { h } from "../dom/element";
import type { LoadModule } from "../markdown";

/** What draws charts. It is not in the first load: the text does not wait for it, nor fail with it. */
export type Drawing = typeof import("./module");

let drawing: Drawing | null = null;
let loading: Promise<void> | null = null;
let expected = false;

/** Draws into `place`: at once where that is possible; where it never is, the place says so. */
export function draw(load: LoadModule, place: HTMLElement, work: (drawing: Drawing) => void): void {
  if (drawing) {
    work(drawing);
    return;
  }
  place.setAttribute("aria-busy", "true");
  loadDrawing(load)
    .then(() => {
      place.removeAttribute("aria-busy");
      if (drawing) work(drawing);
      else place.replaceChildren(h("div", { class: "nbs-note" }, "The chart cannot be drawn."));
    })
    .catch((error) => console.error("[nbstream]", error));
}

/** A chart may be opened soon: loads what draws when the page has nothing else to do. */
export function expectDrawing(load: LoadModule): void {
  if (expected) return;
  expected = true;
  const work = () => void loadDrawing(load);
  // Safari has no idle callbacks.
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 2000 });
  else setTimeout(work, 500);
}

function loadDrawing(load: LoadModule): Promise<void> {
  loading ??= load("chart").then(
    (module) => {
      drawing = module as Drawing;
    },
    (error) => console.error("[nbstream] charts cannot be drawn", error),
  );
  return loading;
}
