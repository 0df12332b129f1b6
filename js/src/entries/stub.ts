// What every stream's widget carries: it keeps what arrives until the page's shared runtime takes over.
import { type Hub, hubOf, type Widget } from "../host/hub";
import { install } from "../host/install";
import { lifetime } from "../host/lifetime";
import type { RuntimeModel } from "../host/runtime";
import type { Bundle, FromKernel } from "../protocol/frames";
import type { Model } from "../run/model";

const PATIENCE = 10_000;
/** Between two requests for the bundle from this page. */
const AGAIN = 2000;

/**
 * The runtime's model comes back in any order after a reload, and Colab's frames load one only when asked.
 * Where widgets cannot reach each other, the kernel's side of this one has the code too.
 */
async function fetchRuntime({ model, signal, views }: Widget, hub: Hub): Promise<void> {
  const id = model.get("runtime").replace("IPY_MODEL_", "");
  const manager = model.widget_manager;
  const find = async () => manager?.get_model?.(id);
  const start = performance.now();
  for (let wait = 50; !hub.add && !signal.aborted; wait *= 2) {
    find().catch(() => {}); // Not there yet.
    const now = performance.now();
    const alone = !manager?.get_model || now - start > AGAIN;
    if (alone && now - (hub.asked ?? -AGAIN) >= AGAIN) {
      hub.asked = now;
      model.send({ kind: "bundle" });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (wait > PATIENCE) complain(views, ABSENT);
  }
}

const ABSENT = "nbstream's front end is not here. Run the cell again.";
const FORBIDDEN =
  "This page does not let nbstream's front end run. The answer is shown when it is complete.";

function complain(views: Widget["views"], why: string): void {
  for (const [el] of views) el.textContent ||= why;
}

interface Context {
  model: Model;
  signal?: AbortSignal;
}

export default () => {
  let widget: Widget;
  return {
    initialize(context: Context): () => void {
      const { model } = context;
      const [signal, end] = lifetime(context.signal);
      widget = {
        model,
        signal,
        early: [],
        views: [],
        receive: (message) => widget.early.push(message),
        show: (el, viewSignal) => widget.views.push([el, viewSignal]),
      };
      const hub = hubOf(model.get("bundle"));
      model.on("msg:custom", (message) => {
        const { kind } = message as FromKernel | Bundle;
        if (kind !== "bundle") widget.receive(message as FromKernel);
        else if (!hub.add)
          install(message as Bundle, model as unknown as RuntimeModel, signal).catch(() =>
            complain(widget.views, FORBIDDEN),
          );
      });
      if (hub.add) hub.add(widget);
      else {
        hub.pending.push(widget);
        void fetchRuntime(widget, hub);
      }
      return end;
    },
    render({ el, signal }: { el: HTMLElement; signal?: AbortSignal }): () => void {
      const [visible, end] = lifetime(signal);
      widget.show(el, visible);
      return end;
    },
  };
};
