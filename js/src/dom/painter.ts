export interface Painted {
  readonly root: Element;
  /** Brings the DOM up to date; reads no layout. */
  write(): void;
  /** Reads layout once everybody has written, and moves only what does not change it. */
  measure?(): void;
}

const HIDDEN_TAB = 250;

/**
 * One paint a frame for all views of the page: all write, then all measure.
 *
 * requestAnimationFrame rests in hidden tabs, so a timer runs beside it. A view that is not in the
 * document waits until `reconnect` finds it back.
 */
class Painter {
  #due = new Set<Painted>();
  #away = new Set<Painted>();
  #frame = 0;
  #timer = 0;

  request(view: Painted): void {
    this.#due.add(view);
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => this.paint());
    this.#timer = setTimeout(() => this.paint(), HIDDEN_TAB) as unknown as number;
  }

  paint(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    const views = [...this.#due].filter((view) => view.root.isConnected);
    for (const view of this.#due) if (!view.root.isConnected) this.#away.add(view);
    this.#due.clear();
    for (const view of views) guarded(() => view.write());
    for (const view of views) guarded(() => view.measure?.());
  }

  reconnect(): void {
    for (const view of this.#away) {
      if (!view.root.isConnected) continue;
      this.#away.delete(view);
      this.request(view);
    }
  }

  forget(view: Painted): void {
    this.#due.delete(view);
    this.#away.delete(view);
  }
}

/** One view's failure is not the others'. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    console.error("[nbstream]", error);
  }
}

export const painter = new Painter();
