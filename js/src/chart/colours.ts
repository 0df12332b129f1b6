/** Colours of the theme as a canvas needs them: resolved, and anew when the theme changes. */
export class Colours {
  #probe = document.createElement("span");
  #known = new Map<string, string>();
  #gone = new AbortController();

  constructor(host: HTMLElement, changed: () => void) {
    this.#probe.hidden = true;
    host.append(this.#probe);
    const refresh = () => {
      this.#known.clear();
      changed();
    };
    const observer = new MutationObserver(refresh);
    observer.observe(document.body, { attributes: true });
    observer.observe(document.documentElement, { attributes: true });
    this.#gone.signal.addEventListener("abort", () => observer.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh, {
      signal: this.#gone.signal,
    });
  }

  /** The colour of a CSS variable, e.g. `--nbs-c1`, mixed with nothing at `opacity`. */
  get(variable: string, opacity = 1): string {
    const key = `${variable} ${opacity}`;
    let colour = this.#known.get(key);
    if (colour === undefined) {
      this.#probe.style.color =
        opacity === 1
          ? `var(${variable})`
          : `color-mix(in srgb, var(${variable}) ${opacity * 100}%, transparent)`;
      colour = getComputedStyle(this.#probe).color;
      if (colour !== "" && this.#probe.isConnected) this.#known.set(key, colour);
    }
    return colour;
  }

  dispose(): void {
    this.#gone.abort();
    this.#probe.remove();
  }
}
