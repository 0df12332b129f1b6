import specification from "../../js/node_modules/commonmark-spec/spec.txt";
import { hostileTexts, showcase, texts } from "../../js/test/markdown/texts";
import { type Engine, engines } from "./engines";

const all = texts(specification);
let scroller: HTMLElement;
let root: HTMLElement;
let engine: Engine;
let text = "";
let at = 0;

const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

/** What the runner calls: `open` a text in an engine, then `run` frames of so many characters. */
const bench = {
  names: Object.keys(all),
  engines: Object.keys(engines),
  length: (name: string): number => all[name]?.length ?? 0,
  async open(
    engineName: string,
    textName: string,
    length = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    document.body.replaceChildren();
    scroller = document.createElement("div");
    scroller.className = "scroller-page";
    root = document.createElement("div");
    // One style for all, so that what differs is the engines.
    root.className = "nbstream-md";
    scroller.append(root);
    document.body.append(scroller);
    text = (all[textName] ?? "").slice(0, length);
    at = 0;
    engine = (engines[engineName] as (typeof engines)[string])(root, text);
    await frame();
    await frame();
  },
  async run(to: number, characters: number): Promise<number> {
    let frames = 0;
    const limit = Math.min(to, text.length);
    while (at < limit) {
      await frame();
      const next = Math.min(limit, at + characters);
      engine.append(text.slice(at, next));
      scroller.scrollTop = 1e9;
      at = next;
      frames++;
    }
    await frame();
    return frames;
  },
  end(): void {
    engine.end();
  },
  /** Streams the text while counting the elements taken out of the page. */
  async removals(characters: number): Promise<number> {
    let removed = 0;
    const observer = new MutationObserver((records) => {
      for (const record of records) {
        for (const node of record.removedNodes) if (node instanceof Element) removed++;
      }
    });
    observer.observe(root, { childList: true, subtree: true });
    await bench.run(Number.POSITIVE_INFINITY, characters);
    observer.disconnect();
    return removed;
  },
  /** Shows one of everything. */
  async show(scheme: string): Promise<void> {
    document.documentElement.style.colorScheme = scheme;
    document.body.style.background = scheme === "dark" ? "#111417" : "#fff";
    await bench.open("nbstream", "8k", 0);
    scroller.style.cssText = "height: auto; padding: 32px";
    for (const word of showcase.split(/(?<= )/)) engine.append(word);
    engine.end();
    await new Promise((resolve) => setTimeout(resolve, 500));
  },
  hostile: Object.keys(hostileTexts(1)),
  /** The longest time the page stood still while hostile text came in at 100 MB a second. */
  async longestStop(engineName: string, textName: string): Promise<number> {
    await bench.open(engineName, "8k", 0);
    const piece = hostileTexts(1_600_000)[textName] ?? "";
    let longest = 0;
    let last = performance.now();
    for (let i = 0; i < 40; i++) {
      if (i < 4) engine.append(piece);
      await frame();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return longest;
  },
};

declare global {
  interface Window {
    bench: typeof bench;
  }
}
window.bench = bench;
