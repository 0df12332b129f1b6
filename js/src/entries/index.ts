// The front end's code, carried by one widget per kernel; the streams' widgets find it through the hub.
import { hub } from "../host/hub";
import { Library, type RuntimeModel } from "../host/library";
import { Page } from "../host/page";

export default {
  initialize({ model, signal }: { model: RuntimeModel; signal: AbortSignal }): void {
    const meeting = hub(model.get("bundle"));
    if (!meeting.adopt) {
      const library = new Library();
      const page = new Page(document, library.load);
      meeting.join = (kernel, closed) => library.join(kernel, closed);
      meeting.adopt = (guest) => page.adopt(guest);
    }
    meeting.join?.(model, signal);
    // JupyterLab and Notebook keep one document, in which views can be mounted by their mark.
    model.send({ kind: "ready", hydrates: document.querySelector(".jp-Notebook") !== null });
    for (const guest of meeting.waiting.splice(0)) meeting.adopt(guest);
  },
};
