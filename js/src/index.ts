// The front end's code, carried by one widget per kernel; the streams' widgets find it through the hub.
import { hub } from "./hub";
import { Page } from "./page";

interface RuntimeModel {
  get(name: "bundle"): string;
}

export default {
  initialize({ model }: { model: RuntimeModel }): void {
    const meeting = hub(model.get("bundle"));
    if (meeting.adopt) return;
    const page = new Page(document);
    meeting.adopt = (guest) => page.adopt(guest);
    for (const guest of meeting.waiting.splice(0)) page.adopt(guest);
  },
};
