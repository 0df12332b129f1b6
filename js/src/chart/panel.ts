import { h, setText } from "../dom/element";
import { count, dollars, rate, seconds } from "../dom/format";
import type { Figures, TokenSource } from "../protocol/metrics";
import type { Store } from "../run/store";
import { Scrubber } from "./scrubber";
import { bandsOf, SpeedPlot } from "./speed";
import { Timeline } from "./timeline";
import { time, WaitsPlot } from "./waits";

type Tab = "speed" | "waits" | "timeline";

const TABS: [Tab, string][] = [
  ["speed", "Speed"],
  ["waits", "Waits between tokens"],
  ["timeline", "Timeline"],
];

const SOURCES: Record<TokenSource, string> = {
  provider: "counted by the provider",
  server: "counted by the server",
  deltas: "estimated: pieces that arrived",
  tokenizer: "estimated with a tokenizer",
  characters: "estimated: four characters a token",
};

/** The opened chart of one stream. What is not looked at is not built. */
export class ChartPanel {
  readonly node = h("div", { "data-part": "chart" });
  #tabs = h("div", { class: "nbs-tabs", role: "tablist" });
  #stage = h("div", { class: "nbs-stage", role: "tabpanel" });
  #keys = h("div", { class: "nbs-keys", "aria-hidden": "true" });
  #facts = h("div", { class: "nbs-facts", role: "list" });
  #tab: Tab = "speed";
  #shown: SpeedPlot | WaitsPlot | Timeline | null = null;
  #written = -1;
  #head: unknown = null;
  #scrubber: Scrubber | null = null;

  /** `onScrub` gets the time that is looked at, null for the end; without it there is no slider. */
  constructor(
    private readonly store: Store,
    private readonly onScrub: ((seconds: number | null) => void) | null = null,
  ) {
    for (const [name, label] of TABS) {
      const tab = h("button", { type: "button", role: "tab", "data-view": name }, label);
      tab.addEventListener("click", () => this.#show(name));
      this.#tabs.append(tab);
    }
    this.#tabs.addEventListener("keydown", (event) => this.#key(event));
    this.node.append(this.#tabs, this.#stage, this.#facts);
    this.#show("speed");
  }

  /** Draws what is new; `force` also where only the time went on. */
  write(force = false): void {
    const { samples, metrics } = this.store;
    if (!force && samples.version === this.#written && metrics === this.#head) return;
    this.#written = samples.version;
    this.#head = metrics;
    this.#shown?.write();
    this.#keys.replaceChildren(...(this.#tab === "speed" ? legend(this.store) : []));
    this.#writeFacts();
    const end = metrics?.elapsed;
    if (this.#scrubber === null && this.onScrub && this.store.ended && end) {
      const scrubbed = this.onScrub;
      this.#scrubber = new Scrubber(end, (seconds) => {
        this.point(seconds);
        scrubbed(seconds);
      });
      this.#facts.before(this.#scrubber.node);
    }
  }

  /** Moves the cursor to a time of the run. */
  point(seconds: number | null): void {
    if (this.#shown instanceof SpeedPlot) this.#shown.plot.point(seconds);
  }

  dispose(): void {
    this.#scrubber?.dispose();
    if (this.#shown && "plot" in this.#shown) this.#shown.plot.dispose();
    this.#shown = null;
    this.node.remove();
  }

  #show(name: Tab): void {
    if (this.#shown && "plot" in this.#shown) this.#shown.plot.dispose();
    this.#tab = name;
    for (const tab of this.#tabs.children) {
      const selected = (tab as HTMLElement).dataset.view === name;
      tab.setAttribute("aria-selected", String(selected));
      tab.setAttribute("tabindex", selected ? "0" : "-1");
    }
    if (name === "timeline") {
      this.#shown = new Timeline(this.store);
      this.#stage.replaceChildren(this.#shown.node);
    } else {
      this.#shown = name === "speed" ? new SpeedPlot(this.store) : new WaitsPlot(this.store);
      const { node, readout } = this.#shown.plot;
      this.#stage.replaceChildren(node, h("div", { class: "nbs-under" }, readout, this.#keys));
    }
    this.write(true);
  }

  #key(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const place = TABS.findIndex(([name]) => name === this.#tab);
    const [next] = TABS[(place + step + TABS.length) % TABS.length] as [Tab, string];
    this.#show(next);
    this.#tabs.querySelector<HTMLElement>(`[data-view="${next}"]`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  #writeFacts(): void {
    const { metrics, usage } = this.store;
    if (metrics === null) return;
    const facts: [string, string | null][] = [
      ["first token", known(metrics.ttft, seconds)],
      ["first text", metrics.ttfv === metrics.ttft ? null : known(metrics.ttfv, seconds)],
      ["rate", known(metrics.tokens_per_second, (value) => `${rate(value)} tok/s`)],
      ["waits p50 · p95 · p99", quantiles(metrics)],
      ["longest wait", known(metrics.gap_max, time)],
      ["generating", known(metrics.decode_time, seconds)],
      ["tools", metrics.tool_time ? seconds(metrics.tool_time) : null],
      ["input", known(metrics.input_tokens, count)],
      ["from cache", known(usage?.cache_read_tokens, count)],
      ["thinking", known(usage?.reasoning_tokens, count)],
      ["output", `${count(metrics.output_tokens)} (${SOURCES[metrics.token_source]})`],
      ["cost", known(metrics.cost, dollars)],
    ];
    const shown = facts.filter((fact): fact is [string, string] => fact[1] !== null);
    if (this.#facts.children.length !== shown.length) {
      this.#facts.replaceChildren(
        ...shown.map(() =>
          h("div", { role: "listitem" }, h("span", { class: "nbs-fact" }), h("span", {})),
        ),
      );
    }
    shown.forEach(([name, value], i) => {
      const [term, text] = (this.#facts.children[i] as Element).children;
      if (term && text) {
        setText(term, name);
        setText(text, value);
      }
    });
  }
}

function legend(store: Store): HTMLElement[] {
  const present = new Set<string>(bandsOf(store).map(({ kind }) => kind));
  const kinds = [
    ["mark", "first token"],
    ["wait", "waiting"],
    ["thinking", "thinking"],
    ["tool", "tool"],
    ["stall", "stall"],
  ] as const;
  return [
    ...(["rate", "total"] as const).map((kind) =>
      h("span", { class: "nbs-key", "data-kind": kind }, kind === "rate" ? "tok/s" : "tokens"),
    ),
    ...kinds
      .filter(([kind]) => present.has(kind))
      .map(([kind, label]) => h("span", { class: "nbs-key", "data-kind": kind }, label)),
  ];
}

function quantiles({ gap_p50, gap_p95, gap_p99 }: Figures): string | null {
  if (gap_p50 == null) return null;
  return [gap_p50, gap_p95 ?? 0, gap_p99 ?? 0].map(time).join(" · ");
}

function known<T>(value: T | null | undefined, format: (value: T) => string): string | null {
  return value == null ? null : format(value);
}
