// The footnotes at the end of the document, in the order in which the text refers to them.

import type { References } from "../inline/references";

interface Note {
  label: string;
  element: HTMLElement;
}

export class FootnoteList {
  /** Stands at the end of the document while there is a footnote to show. */
  readonly section = document.createElement("section");
  readonly #list = document.createElement("ol");
  readonly #notes: Note[] = [];
  #numbers = "";

  constructor(
    readonly root: HTMLElement,
    readonly references: References,
  ) {
    this.section.className = "md-notes";
    this.section.append(this.#list);
  }

  /** An element for a footnote; it joins the list when it is no longer a guess. */
  add(label: string, guessed: boolean): HTMLElement {
    const element = document.createElement("li");
    element.className = "md-note";
    if (!guessed) this.keep(label, element);
    return element;
  }

  keep(label: string, element: HTMLElement): void {
    if (this.references.defineNote(label)) this.#notes.push({ label, element });
  }

  /** Shows the footnotes the text refers to. */
  arrange(): void {
    if (!this.#notes.length) return;
    const shown = this.#notes
      .map((note) => ({ ...note, number: this.references.noteNumber(note.label) }))
      .filter(({ number }) => number > 0)
      .sort((a, b) => a.number - b.number);
    const numbers = shown.map(({ label, number }) => `${number} ${label}`).join("\n");
    if (numbers === this.#numbers) return;
    this.#numbers = numbers;
    if (shown.length) this.root.append(this.section);
    else this.section.remove();
    let next = this.#list.firstElementChild;
    for (const { element, number } of shown) {
      (element as HTMLLIElement).value = number;
      element.dataset.noteBody = String(number);
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
    while (next) {
      const after = next.nextElementSibling;
      next.remove();
      next = after;
    }
  }
}
