import { h } from "../dom/element";
import type { Part, TextPart } from "../run/parts";
import type { Block } from "./block";
import { TextCursor } from "./cursor";
import { createPlain } from "./plain";

/** What the model says instead of an answer it will not give. */
export class RefusalBlock implements Block {
  readonly node = h("div", { "data-part": "refusal", dir: "auto" });
  #cursor = new TextCursor(createPlain(this.node, "text"));

  takes(): boolean {
    return false;
  }

  grew(part: Part): void {
    this.#cursor.follow(part as TextPart);
  }

  rebind(): void {
    this.#cursor.rebind();
  }

  write(): void {
    this.#cursor.write();
  }

  settle(): void {
    this.#cursor.end();
  }
}
