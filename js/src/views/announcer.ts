import { h, setText } from "../dom/element";
import { plural } from "../dom/format";
import type { Connection } from "../run/connection";

/** What a screen reader hears: that an answer begins, that it ended, and errors; never the text as it grows. */
export class Announcer {
  readonly node = h("div", { class: "nbs-hidden", role: "status", "aria-live": "polite" });
  #said: string;

  constructor(private readonly connection: Connection) {
    this.#said = connection.over ? "ended" : "";
  }

  write(): void {
    const { over, store } = this.connection;
    const { state } = store;
    const phase = over ? "ended" : state.status === "running" ? "running" : "";
    if (phase === this.#said || phase === "") return;
    this.#said = phase;
    setText(this.node, phase === "running" ? "The answer is being written." : this.#ending());
  }

  #ending(): string {
    const { state, metrics } = this.connection.store;
    if (state.error) return `Error: ${state.error.message} ${state.error.hint}`.trim();
    if (this.connection.gone) return "The kernel went away before the answer was complete.";
    if (state.status === "stopped") return "Stopped. The text so far is kept.";
    const tokens = metrics?.output_tokens ? `, ${plural(metrics.output_tokens, "token")}` : "";
    return state.finish_reason === "length"
      ? `The answer was cut at the token limit${tokens}.`
      : `The answer is complete${tokens}.`;
  }
}
