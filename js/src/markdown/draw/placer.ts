// Puts a container's children into the page: the first ones directly, later ones in groups that
// the browser can skip while they are out of sight, so that layout does not grow with the length,
// and need not paint again while they are in sight and new text comes in below.

/** How many children stand outside groups, how many in a group, and how many groups in another. */
export interface Grouping {
  ungrouped: number;
  size: number;
  groups?: number;
}

export const BLOCKS: Grouping = { ungrouped: 8, size: 8, groups: 8 };
export const ROWS: Grouping = { ungrouped: 64, size: 32 };

export class Placer {
  #count = 0;
  #group: HTMLElement | null = null;
  #outer: HTMLElement | null = null;

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
    if (begins) this.#begin();
    this.#group?.append(node);
    return begins;
  }

  #begin(): void {
    const { groups } = this.grouping;
    this.#group = this.#create();
    if (!groups) {
      this.parent.insertBefore(this.#group, this.#end);
      return;
    }
    if (!this.#outer || this.#outer.childElementCount >= groups) {
      this.#outer = this.#create();
      this.parent.insertBefore(this.#outer, this.#end);
    }
    this.#outer.append(this.#group);
  }

  #create(): HTMLElement {
    const group = document.createElement(this.groupTag);
    group.className = "md-group";
    if (this.groupTag === "div") group.role = "presentation";
    return group;
  }

  /** Whether a group is complete; a heading stays with what follows it. */
  #isFull(group: HTMLElement): boolean {
    const last = group.lastElementChild;
    return group.childElementCount >= this.grouping.size && !/^h\d$/.test(last?.localName ?? "");
  }

  /** Takes the last child away again. */
  remove(node: ChildNode): void {
    let place = node.parentElement;
    node.remove();
    this.#count--;
    while (place && place !== this.parent && !place.hasChildNodes()) {
      if (place === this.#group) this.#group = null;
      if (place === this.#outer) this.#outer = null;
      const above: HTMLElement | null = place.parentElement;
      place.remove();
      place = above;
    }
  }
}
