// What every stream's widget carries: it keeps what arrives until the page's shared runtime takes over.
import { type Guest, hub } from "./hub";
import type { FromKernel, Model } from "./model";

/** Models come back in any order after a reload, and Colab's frames load one only when asked. */
async function fetchRuntime(model: Model, arrived: () => boolean): Promise<void> {
  const id = model.get("runtime").replace("IPY_MODEL_", "");
  for (let wait = 50; !arrived() && wait < 30_000; wait *= 2) {
    try {
      await model.widget_manager?.get_model?.(id);
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
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
        void fetchRuntime(model, () => meeting.adopt !== undefined);
      }
    },
    render({ el, signal }: { el: HTMLElement; signal: AbortSignal }): void {
      guest.show(el, signal);
    },
  };
};
