// Puts a container's children into the page: the first ones directly, later ones in groups that
// the browser can skip while they are out of sight, so that layout does not grow with the length.

const UNGROUPED = 64;
const GROUP = 32;

export class Placer {
  #count = 0;
  #group: HTMLElement | null = null;

  /** `before`, while it is in `parent`, stays behind the children. */
  constructor(
    readonly parent: HTMLElement,
    readonly groupTag = "div",
    readonly before: Node | null = null,
    readonly ungrouped = UNGROUPED,
  ) {}

  get #end(): Node | null {
    return this.before?.parentNode === this.parent ? this.before : null;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a child at the end; true if it begins a group. */
  add(node: Node): boolean {
    const place = this.#count++ - this.ungrouped;
    if (place < 0) {
      this.parent.insertBefore(node, this.#end);
      return false;
    }
    const begins = place % GROUP === 0 || !this.#group;
    if (begins) {
      this.#group = document.createElement(this.groupTag);
      this.#group.className = "md-group";
      if (this.groupTag === "div") this.#group.role = "presentation";
      this.parent.insertBefore(this.#group, this.#end);
    }
    this.#group?.append(node);
    return begins;
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
