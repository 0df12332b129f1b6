// What every stream's widget carries: it keeps what arrives until the page's shared runtime takes over.
import { type Guest, type Hub, hub } from "./hub";
import type { FromKernel, Model } from "./model";

const PATIENCE = 10_000;

/** Models come back in any order after a reload, and Colab's frames load one only when asked. */
async function fetchRuntime({ model, signal, views }: Guest, meeting: Hub): Promise<void> {
  const id = model.get("runtime").replace("IPY_MODEL_", "");
  for (let wait = 50; !meeting.adopt && !signal.aborted; wait *= 2) {
    try {
      await model.widget_manager?.get_model?.(id);
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (wait > PATIENCE) {
      for (const [el] of views)
        el.textContent ||= "nbstream's front end is not here. Run the cell again.";
    }
  }
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
      model.on("msg:custom", (message) => guest.receive(message as FromKernel));
      const meeting = hub(model.get("bundle"));
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
