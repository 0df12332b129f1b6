// The front end's code, carried by one widget per kernel; the streams' widgets find it through the hub.
import { hubOf } from "../host/hub";
import { Library } from "../host/library";
import { Registry } from "../host/registry";
import type { RuntimeModel } from "../host/runtime";
import { widgetKinds } from "./kinds";

interface Context {
  model: RuntimeModel;
  signal: AbortSignal;
  /** What this bundle has beyond the first load. */
  modules?: ConstructorParameters<typeof Library>[0];
}

export default {
  initialize({ model, signal, modules }: Context): void {
    const hub = hubOf(model.get("bundle"));
    if (!hub.add) {
      const library = new Library(modules);
      const registry = new Registry(document, widgetKinds(library.load));
      hub.addKernel = (kernel, closed) => {
        library.addKernel(kernel, closed);
        registry.addKernel(kernel);
      };
      hub.add = (widget) => registry.add(widget);
    }
    hub.addKernel?.(model, signal);
    // JupyterLab and Notebook keep one document, in which views can be mounted by their mark.
    model.send({ kind: "ready", hydrates: document.querySelector(".jp-Notebook") !== null });
    for (const widget of hub.pending.splice(0)) hub.add(widget);
  },
};
