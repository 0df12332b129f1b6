// Puts a container's children into the page: the first ones directly, later ones in groups that
// the browser can skip while they are out of sight, so that layout does not grow with the length,
// and need not paint again while they are in sight and new text comes in below.

/** How many children stand outside groups, and how many in a group. */
export interface Grouping {
  ungrouped: number;
  size: number;
}

export const BLOCKS: Grouping = { ungrouped: 8, size: 8 };
export const ROWS: Grouping = { ungrouped: 64, size: 32 };

export class Placer {
  #count = 0;
  #group: HTMLElement | null = null;

  /** `before`, while it is in `parent`, stays behind the children. */
  constructor(
    readonly parent: HTMLElement,
    readonly groupTag = "div",
    readonly before: Node | null = null,
    readonly grouping = BLOCKS,
  ) {}

  get #end(): Node | null {
    return this.before?.parentNode === this.parent ? this.before : null;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a child at the end; true if it begins a group. */
  add(node: Node): boolean {
    if (this.#count++ < this.grouping.ungrouped) {
      this.parent.insertBefore(node, this.#end);
      return false;
    }
    const begins = !this.#group || this.#isFull(this.#group);
    if (begins) {
      this.#group = document.createElement(this.groupTag);
      this.#group.className = "md-group";
      if (this.groupTag === "div") this.#group.role = "presentation";
      this.parent.insertBefore(this.#group, this.#end);
    }
    this.#group?.append(node);
    return begins;
  }

  /** Whether a group is complete; a heading stays with what follows it. */
  #isFull(group: HTMLElement): boolean {
    const last = group.lastElementChild;
    return group.childElementCount >= this.grouping.size && !/^h\d$/.test(last?.localName ?? "");
  }

  /** Takes the last child away again. */
  remove(node: ChildNode): void {
    node.remove();
    this.#count--;
    const group = this.#group;
    if (group && !group.hasChildNodes()) {
      const previous = group.previousElementSibling;
      group.remove();
      this.#group =
        previous instanceof HTMLElement && previous.className === "md-group" ? previous : null;
    }
  }
}
