import { h, placeAfter } from "../dom/element";
import type { Options } from "../protocol/traits";
import type { MediaPart, Part, Step, ToolStatus } from "../run/parts";
import type { Store } from "../run/store";
import { AnswerBlock } from "./answer";
import type { Block, Host } from "./block";
import { MediaBlock } from "./media";
import { RefusalBlock } from "./refusal";
import { createSection, Section } from "./section";
import { ThinkingBlock } from "./thinking";
import { ToolBlock } from "./tool";

const RUNNING = new Set<ToolStatus>(["called", "running"]);

const keyOf = (step: Step) => `${step.index} ${step.time} ${step.name}`;

/** The parts of a run in order: each becomes a block, or grows the block before it. */
export class Body {
  readonly node = h("div", { class: "nbs-body" });
  #root = new Section(this.node, this.node);
  #sections = new Map<string, Section>();
  #blocks = new Map<string, Block>();
  #of = new Map<Part, Block>();
  #grown = new Set<Part>();
  #dirty = new Set<Block>();
  #written = new Set<Block>();
  #finished = new Set<Block>();
  #anew = false;
  #raw = false;

  constructor(
    private readonly store: Store,
    private readonly options: Options,
    private readonly host: Host,
  ) {}

  /** The answer segment that grows, for the caret. */
  get growing(): AnswerBlock | null {
    const part = this.store.state.parts.at(-1);
    if (!part || this.#stepOf(part)?.duration != null) return null;
    const block = this.#of.get(part);
    return block instanceof AnswerBlock ? block : null;
  }

  set raw(raw: boolean) {
    this.#raw = raw;
    for (const block of this.#blocks.values()) if (block instanceof AnswerBlock) block.showRaw(raw);
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
      if (step.duration === null) this.#sections.get(keyOf(step))?.update(step, this.host.now);
  }

  write(): void {
    if (this.#anew) this.#reconcile();
    else for (const part of this.#grown) this.#grow(part, this.#blocks);
    this.#grown.clear();
    this.#written = this.#dirty;
    this.#dirty = new Set();
    for (const block of this.#written) block.write();
    for (const block of this.#finished) block.settle();
    this.#finished.clear();
    if (this.host.over) for (const block of this.#blocks.values()) block.settle();
  }

  measure(): void {
    for (const block of this.#written) block.measure?.();
  }

  #grow(part: Part, known: Map<string, Block>): void {
    const block = this.#of.get(part) ?? this.#place(part, known);
    if (block === null) return;
    block.grew(part);
    this.#dirty.add(block);
  }

  #place(part: Part, known: Map<string, Block>): Block | null {
    if (part.kind === "thinking" && this.options.thinking === "hidden") return null;
    const section = this.#sectionOf(part, known);
    let block = section.last;
    if (block === null || !block.takes(part)) {
      const alternative = block instanceof AnswerBlock && part.kind === "text";
      if (block && !alternative) this.#finished.add(block);
      let key = part.key;
      while (this.#blocks.has(key)) key += " again";
      block = known.get(key) ?? this.#create(part);
      this.#blocks.set(key, block);
      placeAfter(section.body, section.lastNode, block.node);
      section.last = block;
      section.lastNode = block.node;
    }
    this.#of.set(part, block);
    return block;
  }

  #create(part: Part): Block {
    switch (part.kind) {
      case "text": {
        const format = this.#stepOf(part)?.structured ? "json" : this.options.format;
        const block = new AnswerBlock(format, part, this.host);
        if (this.#raw) block.showRaw(true);
        return block;
      }
      case "thinking":
        return new ThinkingBlock(this.host);
      case "refusal":
        return new RefusalBlock();
      case "tool":
        return new ToolBlock(this.host);
      case "media":
        return new MediaBlock();
    }
  }

  /** Blocks and sections that are still true keep their nodes and their place. */
  #reconcile(): void {
    this.#anew = false;
    const [blocks, sections] = [this.#blocks, this.#sections];
    this.#blocks = new Map();
    this.#sections = new Map();
    this.#of.clear();
    this.#dirty.clear();
    this.#root.clear();
    for (const block of blocks.values()) block.rebind();
    const steps = [...this.store.state.steps];
    for (const part of this.store.state.parts) {
      while (steps[0] && steps[0].time <= part.time)
        this.#open(steps.shift() as Step, sections, blocks);
      this.#grow(part, blocks);
    }
    for (const step of steps) this.#open(step, sections, blocks);
    const kept = new Set(this.#blocks.values());
    for (const block of blocks.values()) if (!kept.has(block)) block.node.remove();
    for (const [key, section] of sections) if (!this.#sections.has(key)) section.node.remove();
  }

  #open(step: Step, known: Map<string, Section>, blocks: Map<string, Block>): void {
    const key = keyOf(step);
    const card = this.#cardOf(step, blocks);
    const around = card?.nest ?? this.#stepAround(step);
    const section = known.get(key) ?? createSection(step, card?.name ?? "");
    card?.spend(step.usage);
    section.clear();
    section.update(step, this.host.over ? null : this.host.now);
    this.#sections.set(key, section);
    placeAfter(around.body, around.lastNode, section.node);
    around.last = null;
    around.lastNode = section.node;
  }

  /** The card of the tool that asks this agent, or gave this image. */
  #cardOf(of: Step | MediaPart, blocks: Map<string, Block>): ToolBlock | null {
    const call = this.store.state.calls.get(of.run);
    if (call) this.#grow(call, blocks);
    const card = call && this.#of.get(call);
    return card instanceof ToolBlock ? card : null;
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
  #sectionOf(part: Part, blocks: Map<string, Block>): Section {
    if (part.kind === "media" && part.run) {
      const card = this.#cardOf(part, blocks);
      if (card?.step === part.step) return card.gallery;
    }
    if (part.step === "") return this.#root;
    return this.#named(part.step) ?? this.#root;
  }
}
