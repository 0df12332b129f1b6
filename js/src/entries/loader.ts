// What the runtime's widget carries: it takes the front end from a message of the kernel.
//
// A widget's own code is part of its state, and state is saved: by nbclient always, by JupyterLab if asked to.
// A message is not.
import { install } from "../host/install";
import { lifetime } from "../host/lifetime";
import type { RuntimeModel } from "../host/runtime";

/** The kernel sends the bundle unasked; a page that comes later has to ask. */
const PATIENCE = 500;

export default {
  initialize(context: { model: RuntimeModel; signal?: AbortSignal }): () => void {
    const { model } = context;
    const [signal, end] = lifetime(context.signal);
    const ask = () => model.send({ kind: "bundle" });
    const timer = setTimeout(ask, PATIENCE);
    let arrived = false;
    model.on("msg:custom", (message) => {
      if (message.kind !== "bundle" || arrived) return;
      arrived = true;
      clearTimeout(timer);
      install(message, model, signal).catch((error) => console.error("[nbstream]", error));
    });
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    return end;
  },
};
