import type { RuntimeMessage } from "../protocol/frames";
import type { RuntimeRequest } from "../protocol/requests";

/** The part of the runtime widget's model that is used here. */
export interface RuntimeModel {
  get(name: "bundle"): string;
  on(name: "msg:custom", callback: (message: RuntimeMessage) => void): void;
  send(message: RuntimeRequest): void;
}
