// Link references and footnote numbers, and which leaves are waiting for one.

import type { InlineEnv, Reference } from "./syntax";

/** A piece of text that can be drawn again when what it refers to becomes known. */
export interface Referrer {
  refresh(): void;
}

export class References {
  readonly #known: Record<string, Reference> = Object.create(null);
  readonly #waiting = new Map<string, Set<Referrer>>();
  readonly #changed = new Set<Referrer>();
  readonly #labels = new Map<string, number>();
  readonly #notes = new Set<string>();
  readonly #marked = new Set<Referrer>();
  #reader: Referrer | null = null;
  #ended = false;
  #missed = false;

  readonly #env: InlineEnv = {
    references: new Proxy(this.#known, {
      get: (known, label) => {
        if (typeof label !== "string") return undefined;
        const found = known[label];
        if (!found) this.#miss(label);
        return found;
      },
    }),
    footnote: (label) => this.#number(label),
    live: false,
    unclosed: false,
  };

  /** The environment to parse `reader`'s text in; look-ups that fail are remembered for it. */
  envFor(reader: Referrer, live: boolean): InlineEnv {
    this.#reader = reader;
    this.#missed = false;
    this.#env.live = live;
    return this.#env;
  }

  /** Whether the last text parsed may have to be drawn again. */
  get missed(): boolean {
    return this.#missed;
  }

  define(label: string, reference: Reference): void {
    if (label in this.#known) return;
    this.#known[label] = reference;
    for (const reader of this.#waiting.get(label) ?? []) this.#changed.add(reader);
    this.#waiting.delete(label);
  }

  /** Says that there is a footnote of that label; false if there was one already. */
  defineNote(label: string): boolean {
    if (this.#notes.has(label)) return false;
    this.#notes.add(label);
    return true;
  }

  /** The number of a footnote some text refers to, or 0. */
  noteNumber(label: string): number {
    return this.#labels.get(label) ?? 0;
  }

  /** No more definitions will come: marks without a footnote become text, the rest close up. */
  end(): void {
    this.#ended = true;
    const labels = Array.from(this.#labels.keys());
    if (labels.every((label) => this.#notes.has(label))) return;
    this.#labels.clear();
    for (const label of labels) {
      if (this.#notes.has(label)) this.#labels.set(label, this.#labels.size + 1);
    }
    for (const reader of this.#marked) this.#changed.add(reader);
  }

  /** Draws again what has been waiting for a definition that came. */
  refresh(): void {
    for (const reader of this.#changed) {
      this.#changed.delete(reader);
      reader.refresh();
    }
  }

  #miss(label: string): void {
    this.#missed = true;
    if (!this.#reader) return;
    let readers = this.#waiting.get(label);
    if (!readers) {
      readers = new Set();
      this.#waiting.set(label, readers);
    }
    readers.add(this.#reader);
  }

  #number(label: string): number {
    if (this.#ended && !this.#notes.has(label)) return 0;
    this.#missed = true;
    if (this.#reader) this.#marked.add(this.#reader);
    let number = this.#labels.get(label);
    if (!number) {
      number = this.#labels.size + 1;
      this.#labels.set(label, number);
    }
    return number;
  }
}
