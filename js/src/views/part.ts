import type { LoadModule } from "../markdown";
import type { Approve } from "../protocol/requests";
import type { Question } from "../run/connection";
import type { Part } from "../run/parts";

/** What the view of a part may ask of the stream's. */
export interface PartContext {
  readonly loadModule: LoadModule;
  /** Nothing more will come. */
  readonly over: boolean;
  /** Seconds since the run began. */
  readonly now: number;
  approve(question: Question, decision: Approve["decision"]): void;
}

/** Shows a part, or neighbouring parts: an answer segment, a thinking panel, a tool card, an image. */
export interface PartView {
  readonly node: HTMLElement;
  /** Whether `part` continues this view. */
  takes(part: Part): boolean;
  /** `part` was added to this view, or grew. */
  grew(part: Part): void;
  /** The parts were made anew (`grew` follows for each); nodes that are still right must stay. */
  rebind(): void;
  /** Draws what grew. */
  write(): void;
  /** Nothing more is expected; more may still come. */
  settle(): void;
  measure?(): void;
}
