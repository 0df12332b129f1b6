import { h, toggle } from "../dom/element";
import { plural, seconds } from "../dom/format";
import type { Step } from "../run/parts";
import type { Store } from "../run/store";
import { addUsage } from "../run/usage";

/** What the steps of a workflow took, once it has ended: as Python's recap has it. */
export class Recap {
  readonly node = h("table", { "data-part": "summary", "aria-label": "Steps", hidden: true });
  #written = false;

  constructor(private readonly store: Store) {}

  write(): void {
    if (this.#written === this.store.ended) return;
    this.#written = this.store.ended;
    const steps = this.store.ended ? this.store.flow : [];
    toggle(this.node, steps.length > 1);
    if (steps.length > 1) this.node.replaceChildren(...table(steps));
  }
}

/** How a step ended, where that is worth a word. */
export function ending(step: Step): string {
  if (step.finish_reason === "error") return "failed";
  return step.finish_reason === "stopped" ? "stopped" : "";
}

/** What stands in the columns: how it ended, seconds, tokens. */
function figures(ended: string, time: number, usage: Step["usage"]): string[] {
  const tokens = usage?.output_tokens ?? 0;
  return [ended, seconds(time), tokens ? plural(tokens, "token") : ""];
}

function row(title: string, agent: string, cells: string[]): HTMLElement {
  const name = h("th", { scope: "row" }, title);
  if (agent) name.append(h("span", { class: "nbs-step-agent" }, agent));
  return h("tr", {}, name, ...cells.map((text) => h("td", {}, text)));
}

function table(steps: Step[]): HTMLElement[] {
  const began = Math.min(...steps.map((step) => step.time));
  const ended = Math.max(...steps.map((step) => step.time + (step.duration ?? 0)));
  const usage = steps.map((step) => step.usage).reduce(addUsage, null);
  const each = steps.map((step) => figures(ending(step), step.duration ?? 0, step.usage));
  // Steps side by side share their time.
  const all = figures("", ended - began, usage);
  const used = (cells: string[]) =>
    cells.filter((_, column) => each.some((figures) => figures[column] !== ""));
  const rows = steps.map((step, n) => {
    const agent = step.agent === step.name ? "" : step.agent;
    const line = row(`${n + 1}. ${step.name}`, agent, used(each[n] ?? []));
    if (step.finish_reason) line.dataset.ending = step.finish_reason;
    return line;
  });
  const total = row(plural(steps.length, "step"), "", used(all));
  return [h("tbody", {}, ...rows), h("tfoot", {}, total)];
}
