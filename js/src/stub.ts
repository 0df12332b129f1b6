// What every stream's widget carries: it keeps what arrives until the page's shared runtime takes over.
import { type Guest, type Hub, hub } from "./hub";
import { type Bundle, install } from "./install";
import type { RuntimeModel } from "./library";
import type { FromKernel, Model } from "./model";

const PATIENCE = 10_000;
/** Between two requests for the bundle from this page. */
const AGAIN = 2000;

/**
 * The runtime's model comes back in any order after a reload, and Colab's frames load one only when asked.
 * Where widgets cannot reach each other, the kernel's side of this one has the code too.
 */
async function fetchRuntime({ model, signal, views }: Guest, meeting: Hub): Promise<void> {
  const id = model.get("runtime").replace("IPY_MODEL_", "");
  const manager = model.widget_manager;
  const find = async () => manager?.get_model?.(id);
  const start = performance.now();
  for (let wait = 50; !meeting.adopt && !signal.aborted; wait *= 2) {
    find().catch(() => {}); // Not there yet.
    const now = performance.now();
    const alone = !manager?.get_model || now - start > AGAIN;
    if (alone && now - (meeting.asked ?? -AGAIN) >= AGAIN) {
      meeting.asked = now;
      model.send({ kind: "bundle" });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (wait > PATIENCE) complain(views);
  }
}

function complain(views: Guest["views"]): void {
  for (const [el] of views)
    el.textContent ||= "nbstream's front end is not here. Run the cell again.";
}

export default () => {
  let guest: Guest;
  return {
    initialize({ model, signal }: { model: Model; signal: AbortSignal }): void {
      guest = {
        model,
        signal,
        early: [],
        views: [],
        receive: (message) => guest.early.push(message),
        show: (el, viewSignal) => guest.views.push([el, viewSignal]),
      };
      const meeting = hub(model.get("bundle"));
      model.on("msg:custom", (message) => {
        const { kind } = message as FromKernel | Bundle;
        if (kind !== "bundle") guest.receive(message as FromKernel);
        else if (!meeting.adopt)
          install(message as Bundle, model as unknown as RuntimeModel, signal).catch(() =>
            complain(guest.views),
          );
      });
      if (meeting.adopt) meeting.adopt(guest);
      else {
        meeting.waiting.push(guest);
        void fetchRuntime(guest, meeting);
      }
    },
    render({ el, signal }: { el: HTMLElement; signal: AbortSignal }): void {
      guest.show(el, signal);
    },
  };
};
