// What is not in the first load: asked of the page's owner when first needed, drawn when it is there.

import type { ModuleName } from "../../protocol/traits";
import { addLanguages, type Languages } from "../code/languages";
import type { DrawMath } from "./nodes";

export interface Modules {
  math: { drawMath: DrawMath };
  languages: { languages: Languages };
}

/** Loads a module (`src/markdown/lazy/<name>.ts`, bundled by itself) from wherever it is kept. */
export type LoadModule = (name: ModuleName) => Promise<unknown>;

const MAX_FORMULA = 10_000;

let drawMath: DrawMath | null = null;
const loads = new Map<keyof Modules, Promise<boolean>>();

/** Resolves to whether the module is there; what cannot be loaded is done without. */
export function loadModule(name: keyof Modules, load: LoadModule | undefined): Promise<boolean> {
  let loading = loads.get(name);
  if (!loading && load) {
    loading = load(name).then(
      (module) => {
        if (name === "math") drawMath = (module as Modules["math"]).drawMath;
        else addLanguages((module as Modules["languages"]).languages);
        return true;
      },
      () => false,
    );
    loads.set(name, loading);
  }
  return loading ?? Promise.resolve(false);
}

/** Draws a formula, or its source until the module that draws it is there. */
export function mathDrawer(load: LoadModule | undefined): DrawMath {
  const source: DrawMath = (tex, _display, into) => {
    into.textContent = tex;
  };
  const draw: DrawMath = (tex, display, into) => {
    if (!drawMath || tex.length > MAX_FORMULA) return source(tex, display, into);
    try {
      drawMath(tex, display, into);
    } catch {
      source(tex, display, into);
      into.dataset.error = "";
    }
  };
  return (tex, display, into) => {
    draw(tex, display, into);
    if (!drawMath) {
      void loadModule("math", load).then((there) => {
        if (there && into.textContent === tex) draw(tex, display, into);
      });
    }
  };
}
