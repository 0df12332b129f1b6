const NEAR = 24;
const MARGIN = 12;
const INTENT = 1000;
/** A view that shows nothing yet is less tall than this. */
const EMPTY = 120;

/**
 * Keeps the end of growing text in sight.
 *
 * While the end was visible it stays visible. Once the reader scrolls up it is left alone, until the
 * reader comes back to the bottom or asks for the end.
 */
export class Follow {
  #following = false;
  /** The reader scrolled away. */
  #left = false;
  #scrollers: Element[] = [];
  #scroller: Element | null = null;
  #top = 0;
  #height = 0;
  #intent = 0;
  #end: IntersectionObserver | null = null;
  #listening = false;
  /** Ends the listeners on the present scroller. */
  #scrolling: AbortController | null = null;

  constructor(
    private readonly root: HTMLElement,
    private readonly end: HTMLElement,
    private readonly onMove: () => void,
  ) {}

  /** The text grows somewhere else than the reader looks. */
  get away(): boolean {
    return this.#listening && !this.#following;
  }

  get active(): boolean {
    return this.#listening;
  }

  start(): void {
    if (this.active || !this.root.isConnected) return;
    this.#listening = true;
    this.refresh();
    this.#following = !this.#left && (this.#distance() <= NEAR || this.#begins());
    this.#end = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting && !this.#left) this.#return();
    });
    this.#end.observe(this.end);
  }

  stop(): void {
    this.#scrolling?.abort();
    this.#end?.disconnect();
    this.#scrolling = this.#end = this.#scroller = null;
    this.#listening = false;
    this.#following = false;
    this.#left = false;
  }

  /** After the text has grown. */
  measure(): void {
    if (!this.#listening) return;
    const scroller = this.#attach();
    if (this.#following) {
      const distance = this.#distance();
      if (distance > 0) scroller.scrollTop += distance;
    }
    this.#top = scroller.scrollTop;
    this.#height = scroller.scrollHeight;
  }

  /** Styles may have changed: another ancestor may scroll now. */
  refresh(): void {
    if (!this.#listening) return;
    this.#scrollers = scrollersOf(this.root);
    this.#attach();
  }

  jump(): void {
    this.#left = false;
    this.#following = true;
    this.measure();
    this.onMove();
  }

  /** The visible part of the scrolling ancestor, in viewport coordinates. */
  bounds(): { top: number; bottom: number } {
    const scroller = this.#scroller;
    if (!scroller || scroller === document.scrollingElement) {
      return { top: 0, bottom: window.innerHeight };
    }
    const { top, bottom } = scroller.getBoundingClientRect();
    return { top: Math.max(top, 0), bottom: Math.min(bottom, window.innerHeight) };
  }

  /** A run that has just begun where the visible part ends: its reader is there. */
  #begins(): boolean {
    const { top, height } = this.root.getBoundingClientRect();
    return height < EMPTY && top <= this.bounds().bottom + NEAR;
  }

  /** How far the end is below what can be seen, in pixels. */
  #distance(): number {
    return this.end.getBoundingClientRect().bottom + MARGIN - this.bounds().bottom;
  }

  /** Listens to the nearest ancestor that scrolls at present. */
  #attach(): Element {
    const last = this.#scrollers.at(-1) as Element;
    const scroller = this.#scrollers.find((each) => each.scrollHeight > each.clientHeight) ?? last;
    if (scroller === this.#scroller) return scroller;
    this.#scroller = scroller;
    this.#top = scroller.scrollTop;
    this.#height = scroller.scrollHeight;
    this.#scrolling?.abort();
    this.#scrolling = new AbortController();
    const { signal } = this.#scrolling;
    const page = scroller === document.scrollingElement;
    const target: EventTarget = page ? document : scroller;
    const options = { passive: true, signal };
    const meant = (): void => {
      this.#intent = performance.now();
    };
    target.addEventListener("scroll", () => this.#scrolled(scroller), options);
    target.addEventListener("touchmove", meant, options);
    target.addEventListener("keydown", meant, options);
    target.addEventListener("pointerdown", meant, options);
    target.addEventListener(
      "wheel",
      (event) => {
        meant();
        if ((event as WheelEvent).deltaY < 0 && scroller.scrollTop > 0) this.#leave();
      },
      options,
    );
    return scroller;
  }

  #scrolled(scroller: Element): void {
    const top = scroller.scrollTop;
    const moved = top - this.#top;
    this.#top = top;
    if (moved === 0) return;
    const meant = performance.now() - this.#intent < INTENT;
    // Content that shrinks also moves the view up; that is nobody's wish.
    if (moved < 0 && (meant || scroller.scrollHeight === this.#height)) this.#leave();
    else if (moved > 0 && this.#distance() <= NEAR) this.#return();
    if (!this.#following) this.onMove();
  }

  #leave(): void {
    if (this.#left) return;
    this.#following = false;
    this.#left = true;
    this.onMove();
  }

  #return(): void {
    if (this.#following) return;
    this.#following = true;
    this.#left = false;
    this.onMove();
  }
}

/** The ancestors that scroll, or will once they hold enough; nearest first, the page itself last. */
function scrollersOf(element: Element): Element[] {
  const found: Element[] = [];
  for (let each = element.parentElement; each; each = each.parentElement) {
    if (each === document.scrollingElement) break;
    const { overflowY } = getComputedStyle(each);
    if (overflowY === "auto" || overflowY === "scroll") found.push(each);
  }
  return [...found, document.scrollingElement ?? document.documentElement];
}
