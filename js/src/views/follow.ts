const NEAR = 24;
const MARGIN = 12;
const INTENT = 1000;

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
  #scroller: Element | null = null;
  #top = 0;
  #height = 0;
  #intent = 0;
  #end: IntersectionObserver | null = null;
  #listening: AbortController | null = null;

  constructor(
    private readonly root: HTMLElement,
    private readonly end: HTMLElement,
    private readonly onLeft: () => void,
  ) {}

  /** The end of the text is out of sight because the reader went elsewhere. */
  get left(): boolean {
    return this.#left;
  }

  get active(): boolean {
    return this.#listening !== null;
  }

  start(): void {
    if (this.active || !this.root.isConnected) return;
    this.#listening = new AbortController();
    this.#attach(scrollerOf(this.root), this.#listening.signal);
    this.#following = !this.#left && this.#distance() <= NEAR;
    this.#end = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting && !this.#left) this.#following = true;
    });
    this.#end.observe(this.end);
  }

  stop(): void {
    this.#listening?.abort();
    this.#end?.disconnect();
    this.#listening = this.#end = null;
    this.#following = false;
    this.#left = false;
  }

  /** After the text has grown. */
  measure(): void {
    const scroller = this.#scroller;
    if (!this.#listening || !scroller) return;
    if (this.#following) {
      const distance = this.#distance();
      if (distance > 0) scroller.scrollTop += distance;
    }
    this.#top = scroller.scrollTop;
    this.#height = scroller.scrollHeight;
  }

  /** A nearer ancestor may have begun to scroll. */
  refresh(): void {
    if (!this.#listening) return;
    const scroller = scrollerOf(this.root);
    if (scroller === this.#scroller) return;
    const following = this.#following;
    const left = this.#left;
    this.stop();
    this.#left = left;
    this.start();
    this.#following = following;
  }

  jump(): void {
    this.#left = false;
    this.#following = true;
    this.measure();
    this.onLeft();
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

  /** How far the end is below what can be seen, in pixels. */
  #distance(): number {
    return this.end.getBoundingClientRect().bottom + MARGIN - this.bounds().bottom;
  }

  #attach(scroller: Element, signal: AbortSignal): void {
    this.#scroller = scroller;
    this.#top = scroller.scrollTop;
    this.#height = scroller.scrollHeight;
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
    if (this.#left) this.onLeft();
  }

  #leave(): void {
    if (this.#left) return;
    this.#following = false;
    this.#left = true;
    this.onLeft();
  }

  #return(): void {
    this.#following = true;
    if (!this.#left) return;
    this.#left = false;
    this.onLeft();
  }
}

function scrollerOf(element: Element): Element {
  for (let each = element.parentElement; each; each = each.parentElement) {
    if (each.scrollHeight <= each.clientHeight) continue;
    const { overflowY } = getComputedStyle(each);
    if (overflowY === "auto" || overflowY === "scroll") return each;
  }
  return document.scrollingElement ?? document.documentElement;
}
