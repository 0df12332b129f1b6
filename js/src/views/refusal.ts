import { h } from "../dom/element";
import type { Part, TextPart } from "../run/parts";
import type { PartView } from "./part";
import { createPlain } from "./plain";
import { TextWriter } from "./writer";

/** What the model says instead of an answer it will not give. */
export class RefusalView implements PartView {
  readonly node = h("div", { "data-part": "refusal", dir: "auto" });
  #writer = new TextWriter(createPlain(this.node, "text"));

  takes(): boolean {
    return false;
  }

  grew(part: Part): void {
    this.#writer.follow(part as TextPart);
  }

  rebind(): void {
    this.#writer.rebind();
  }

  write(): void {
    this.#writer.write();
  }

  settle(): void {
    this.#writer.end();
  }
}
