import type { LoadPart } from "../markdown";
import type { Part } from "../run/parts";

/** What a block may ask of the view it stands in. */
export interface Host {
  readonly loadPart: LoadPart;
  /** Nothing more will come. */
  readonly over: boolean;
  /** Seconds since the run began. */
  readonly now: number;
  approve(call_id: string, decision: "approved" | "denied"): void;
}

/** One piece of a view: an answer segment, a thinking panel, a tool card, an image. */
export interface Block {
  readonly node: HTMLElement;
  /** Whether `part` continues this block. */
  takes(part: Part): boolean;
  /** `part` was added to this block, or grew. */
  grew(part: Part): void;
  /** The parts were made anew (`grew` follows for each); nodes that are still right must stay. */
  rebind(): void;
  /** Draws what grew. */
  write(): void;
  /** Nothing more is expected; more may still come. */
  settle(): void;
  measure?(): void;
}
