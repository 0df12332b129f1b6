// What the runtime's widget carries: it takes the front end from a message of the kernel.
//
// A widget's own code is part of its state, and state is saved: by nbclient always, by JupyterLab if asked to.
// A message is not.
import { evaluate } from "./evaluate";
import type { RuntimeMessage, RuntimeModel } from "./library";

type Bundle = Extract<RuntimeMessage, { kind: "bundle" }>;

interface Runtime {
  default: { initialize(context: { model: RuntimeModel; signal: AbortSignal }): void };
}

/** The kernel sends the bundle unasked; a page that comes later has to ask. */
const PATIENCE = 500;

export default {
  initialize({ model, signal }: { model: RuntimeModel; signal: AbortSignal }): void {
    const ask = () => model.send({ kind: "bundle" });
    const timer = setTimeout(ask, PATIENCE);
    let arrived = false;
    model.on("msg:custom", (message) => {
      if (message.kind !== "bundle" || arrived) return;
      arrived = true;
      clearTimeout(timer);
      void run(message, model, signal);
    });
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  },
};

async function run({ code, css }: Bundle, model: RuntimeModel, signal: AbortSignal): Promise<void> {
  const id = `nbstream-${model.get("bundle")}`;
  if (document.getElementById(id) === null) {
    const style = document.createElement("style");
    style.id = id;
    style.textContent = css;
    document.head.append(style);
  }
  const runtime = (await evaluate(code)) as Runtime;
  if (!signal.aborted) runtime.default.initialize({ model, signal });
}
