import type { Step } from "../parts";
import { addUsage, type Store } from "../store";
import { h, toggle } from "./dom";
import { plural, seconds } from "./format";

/** What the steps of a workflow took, once it has ended: the same as nbstream/recap.py. */
export class Recap {
  readonly node = h("table", { "data-part": "summary", "aria-label": "Steps", hidden: true });
  #written = false;

  constructor(private readonly store: Store) {}

  write(): void {
    if (this.#written === this.store.ended) return;
    this.#written = this.store.ended;
    const steps = this.store.ended ? this.store.flow : [];
    toggle(this.node, steps.length > 1);
    if (steps.length > 1)
      this.node.replaceChildren(h("tbody", {}, ...steps.map(row)), total(steps));
  }
}

/** How a step ended, where that is worth a word. */
export function ending(step: Step): string {
  if (step.finish_reason === "error") return "failed";
  return step.finish_reason === "stopped" ? "stopped" : "";
}

function row(step: Step, n: number): HTMLElement {
  const name = h("th", { scope: "row" }, `${n + 1}. ${step.name}`);
  if (step.agent && step.agent !== step.name)
    name.append(h("span", { class: "nbs-step-agent" }, step.agent));
  const cells = [ending(step), seconds(step.duration ?? 0), tokens(step.usage)];
  const line = h("tr", {}, name, ...cells.map((text) => h("td", {}, text)));
  if (step.finish_reason) line.dataset.ending = step.finish_reason;
  return line;
}

/** Steps side by side share their time. */
function total(steps: Step[]): HTMLElement {
  const began = Math.min(...steps.map((step) => step.time));
  const ended = Math.max(...steps.map((step) => step.time + (step.duration ?? 0)));
  const usage = steps.map((step) => step.usage).reduce(addUsage, null);
  const cells = ["", seconds(ended - began), tokens(usage)].map((text) => h("td", {}, text));
  const name = h("th", { scope: "row" }, plural(steps.length, "step"));
  return h("tfoot", {}, h("tr", {}, name, ...cells));
}

function tokens(usage: Step["usage"]): string {
  return usage?.output_tokens ? plural(usage.output_tokens, "token") : "";
}
