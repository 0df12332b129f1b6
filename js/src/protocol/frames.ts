import type { WireEvent } from "./events";
import type { Metrics } from "./metrics";

export interface Snapshot {
  n?: number;
  events?: WireEvent[];
  metrics?: Metrics | null;
  samples?: number[];
}

export type FromKernel =
  | { kind: "frame"; n: number; events: WireEvent[]; metrics?: Metrics; samples?: number[] }
  | {
      kind: "frames";
      after: number;
      n: number;
      /** The frame that the pieces of this answer reach; left out in the last. */
      until?: number;
      events: WireEvent[];
      metrics?: Metrics;
      samples?: number[];
    }
  | { kind: "history"; events: WireEvent[] }
  | { kind: "beat"; n: number }
  | { kind: "ack"; action: "stop" };
