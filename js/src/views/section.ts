import { h, setAttribute, setText } from "../dom/element";
import { plural, seconds, soFar } from "../dom/format";
import type { Step } from "../run/parts";
import type { PartView } from "./part";
import { ending } from "./recap";

/** Where the views of parts stand: the view itself, a step, or the card of a tool that asks an agent. */
export class Section {
  last: PartView | null = null;
  lastNode: Node | null = null;

  constructor(
    readonly node: HTMLElement,
    readonly body: HTMLElement,
    readonly name = "",
  ) {}

  /** The next view comes first; what is here already stays until it is placed or removed. */
  clear(): void {
    this.last = this.lastNode = null;
  }

  /** `now`: seconds since the run began, null where nothing runs any more. */
  update(step: Step, now: number | null): void {
    const running = step.duration === null;
    const ended = ending(step) ? step.finish_reason : "done";
    setAttribute(this.node, "data-status", running ? "running" : String(ended));
    const facts = running ? [] : [ending(step), seconds(step.duration ?? 0)];
    if (running && now !== null) facts.push(soFar(now - step.time));
    const tokens = step.usage?.output_tokens;
    if (tokens) facts.push(plural(tokens, "token"));
    const state = this.node.querySelector(".nbs-step-state");
    if (state) setText(state, facts.filter(Boolean).join(" · "));
  }
}

/** A step's section, without a head where what stands around it is called the same. */
export function createSection(step: Step, around: string): Section {
  const body = h("div", { class: "nbs-step-body" });
  const node = h("section", { "data-part": "step", "data-name": step.name });
  if (step.agent === "" || step.agent !== around) node.append(createHead(step));
  node.append(body);
  return new Section(node, body, step.name);
}

function createHead({ name, agent, step }: Step): HTMLElement {
  const title = step && name.startsWith(`${step}/`) ? name.slice(step.length + 1) : name;
  return h(
    "div",
    { class: "nbs-step-head" },
    h("span", { class: "nbs-step-name" }, title),
    h("span", { class: "nbs-step-agent" }, agent === title ? "" : agent),
    h("span", { class: "nbs-step-state" }),
  );
}
