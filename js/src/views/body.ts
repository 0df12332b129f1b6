import { h, placeAfter } from "../dom/element";
import type { Options, ToolStatus } from "../protocol/traits";
import type { MediaPart, Part, Step } from "../run/parts";
import type { Store } from "../run/store";
import { AnswerView } from "./answer";
import { MediaView } from "./media";
import type { PartContext, PartView } from "./part";
import { RefusalView } from "./refusal";
import { createSection, Section } from "./section";
import { ThinkingView } from "./thinking";
import { ToolView } from "./tool";

const RUNNING = new Set<ToolStatus>(["called", "running"]);

const keyOf = (step: Step) => `${step.index} ${step.time} ${step.name}`;

/** The parts of a run in order: each gets a view, or continues the one before it. */
export class Body {
  readonly node = h("div", { class: "nbs-body" });
  #root = new Section(this.node, this.node);
  #sections = new Map<string, Section>();
  #views = new Map<string, PartView>();
  #of = new Map<Part, PartView>();
  #grown = new Set<Part>();
  #dirty = new Set<PartView>();
  #written = new Set<PartView>();
  #finished = new Set<PartView>();
  #anew = false;
  #raw = false;

  constructor(
    private readonly store: Store,
    private readonly options: Options,
    private readonly context: PartContext,
  ) {}

  /** The answer segment that grows, for the caret. */
  get growing(): AnswerView | null {
    const part = this.store.state.parts.at(-1);
    if (!part || this.#stepOf(part)?.duration != null) return null;
    const view = this.#of.get(part);
    return view instanceof AnswerView ? view : null;
  }

  set raw(raw: boolean) {
    this.#raw = raw;
    for (const view of this.#views.values()) if (view instanceof AnswerView) view.showRaw(raw);
  }

  grew(part: Part): void {
    this.#grown.add(part);
  }

  /** The list of parts was made anew: draw what changed at the next `write`. */
  invalidate(): void {
    this.#anew = true;
  }

  /** Time goes by for what runs. */
  tick(): void {
    const { calls, steps } = this.store.state;
    for (const call of calls.values()) if (RUNNING.has(call.status)) this.#grown.add(call);
    for (const step of steps)
      if (step.duration === null) this.#sections.get(keyOf(step))?.update(step, this.context.now);
  }

  write(): void {
    if (this.#anew) this.#reconcile();
    else for (const part of this.#grown) this.#grow(part, this.#views);
    this.#grown.clear();
    this.#written = this.#dirty;
    this.#dirty = new Set();
    for (const view of this.#written) view.write();
    for (const view of this.#finished) view.settle();
    this.#finished.clear();
    if (this.context.over) for (const view of this.#views.values()) view.settle();
  }

  measure(): void {
    for (const view of this.#written) view.measure?.();
  }

  #grow(part: Part, known: Map<string, PartView>): void {
    const view = this.#of.get(part) ?? this.#place(part, known);
    if (view === null) return;
    view.grew(part);
    this.#dirty.add(view);
  }

  #place(part: Part, known: Map<string, PartView>): PartView | null {
    if (part.kind === "thinking" && this.options.thinking === "hidden") return null;
    const section = this.#sectionOf(part, known);
    let view = section.last;
    if (view === null || !view.takes(part)) {
      const alternative = view instanceof AnswerView && part.kind === "text";
      if (view && !alternative) this.#finished.add(view);
      let key = part.key;
      while (this.#views.has(key)) key += " again";
      view = known.get(key) ?? this.#create(part);
      this.#views.set(key, view);
      placeAfter(section.body, section.lastNode, view.node);
      section.last = view;
      section.lastNode = view.node;
    }
    this.#of.set(part, view);
    return view;
  }

  #create(part: Part): PartView {
    switch (part.kind) {
      case "text": {
        const format = this.#stepOf(part)?.structured ? "json" : this.options.format;
        const view = new AnswerView(format, part, this.context);
        if (this.#raw) view.showRaw(true);
        return view;
      }
      case "thinking":
        return new ThinkingView(this.context);
      case "refusal":
        return new RefusalView();
      case "tool":
        return new ToolView(this.context);
      case "media":
        return new MediaView();
    }
  }

  /** Views and sections that are still true keep their nodes and their place. */
  #reconcile(): void {
    this.#anew = false;
    const [views, sections] = [this.#views, this.#sections];
    this.#views = new Map();
    this.#sections = new Map();
    this.#of.clear();
    this.#dirty.clear();
    this.#root.clear();
    for (const view of views.values()) view.rebind();
    const steps = [...this.store.state.steps];
    for (const part of this.store.state.parts) {
      while (steps[0] && steps[0].time <= part.time)
        this.#open(steps.shift() as Step, sections, views);
      this.#grow(part, views);
    }
    for (const step of steps) this.#open(step, sections, views);
    const kept = new Set(this.#views.values());
    for (const view of views.values()) if (!kept.has(view)) view.node.remove();
    for (const [key, section] of sections) if (!this.#sections.has(key)) section.node.remove();
  }

  #open(step: Step, known: Map<string, Section>, views: Map<string, PartView>): void {
    const key = keyOf(step);
    const card = this.#cardOf(step, views);
    const around = card?.nest ?? this.#stepAround(step);
    const section = known.get(key) ?? createSection(step, card?.name ?? "");
    card?.spend(step.usage);
    section.clear();
    section.update(step, this.context.over ? null : this.context.now);
    this.#sections.set(key, section);
    placeAfter(around.body, around.lastNode, section.node);
    around.last = null;
    around.lastNode = section.node;
  }

  /** The card of the tool that asks this agent, or gave this image. */
  #cardOf(of: Step | MediaPart, views: Map<string, PartView>): ToolView | null {
    const call = this.store.state.calls.get(of.run);
    if (call) this.#grow(call, views);
    const card = call && this.#of.get(call);
    return card instanceof ToolView ? card : null;
  }

  #stepAround(step: Step): Section {
    const parent = step.name.slice(0, Math.max(step.name.lastIndexOf("/"), 0));
    return this.#named(parent) ?? this.#root;
  }

  #stepOf(part: Part): Step | undefined {
    return part.step === ""
      ? undefined
      : this.store.state.steps.findLast((step) => step.name === part.step);
  }

  #named(name: string): Section | undefined {
    return [...this.#sections.values()].findLast((each) => each.name === name);
  }

  /** The latest section of the part's step that had begun when the part came. */
  #sectionOf(part: Part, views: Map<string, PartView>): Section {
    if (part.kind === "media" && part.run) {
      const card = this.#cardOf(part, views);
      if (card?.step === part.step) return card.gallery;
    }
    if (part.step === "") return this.#root;
    return this.#named(part.step) ?? this.#root;
  }
}
