// The front end in one module, for hosts that serve a widget's code from a URL and keep it.

import { lifetime } from "../host/lifetime";
import type { RuntimeModel } from "../host/runtime";
import type { Model } from "../run/model";
import runtime from "./index";
import stub from "./stub";

/** marimo's kernel hears the page only between two cells. */
const modules = { chart: () => import("../chart/module") };

export default () => {
  const { initialize, render } = stub();
  return {
    initialize(context: { model: Model; signal?: AbortSignal }): () => void {
      const { model } = context;
      const [signal, end] = lifetime(context.signal);
      runtime.initialize({ model: model as unknown as RuntimeModel, signal, modules });
      initialize({ model, signal });
      return end;
    },
    render,
  };
};
