import { h, setText, toggle } from "../dom/element";
import { count, rate, seconds, ticking } from "../dom/format";
import type { Connection } from "../run/connection";

/** The line under an answer: model, tokens, rate, waiting, time, and how it ended. */
export class StatusLine {
  readonly node = h("div", { "data-part": "metrics" });
  #facts = new Map<string, HTMLElement>();

  constructor(private readonly connection: Connection) {}

  write(): void {
    const { store, stopping, lost } = this.connection;
    const { state, metrics } = store;
    const exact = metrics?.token_source === "provider" || metrics?.token_source === "server";
    const estimated = exact ? "" : "~";
    const tokens = metrics?.output_tokens ?? 0;
    const current = store.ended ? null : metrics?.current_rate;
    const speed = current ?? metrics?.tokens_per_second ?? null;
    const { still } = store;
    this.#fact("model", state.model, state.provider);
    this.#fact(
      "tokens",
      tokens ? `${estimated}${count(tokens)} tokens` : "",
      estimated ? "Counted from the pieces that arrived" : tokensTooltip(store.usage),
    );
    this.#fact(
      "rate",
      still > 0
        ? `stalled ${ticking(still)}`
        : speed === null
          ? ""
          : `${estimated}${rate(speed)} tok/s`,
      current == null ? "After the first token, without waiting and tools" : "Over the last second",
    );
    this.#fact(
      "ttft",
      metrics?.ttft == null ? "" : `TTFT ${seconds(metrics.ttft)}`,
      "Time to first token",
    );
    this.#fact("elapsed", this.#elapsed());
    this.#fact(
      "finish",
      stopping ? "Stopping…" : lost ? "kernel not reached" : (state.finish_reason ?? ""),
      state.provider_reason,
    );
  }

  #elapsed(): string {
    const { store, over } = this.connection;
    if (over) return seconds(store.metrics?.elapsed ?? store.state.time);
    if (store.state.status === "pending") return "";
    return ticking(store.now);
  }

  #fact(name: string, text: string, title = ""): void {
    let node = this.#facts.get(name);
    if (node === undefined) {
      node = h("span", { "data-fact": name });
      this.#facts.set(name, node);
      this.node.append(node);
    }
    setText(node, text);
    toggle(node, text !== "");
    if (node.title !== title) node.title = title;
  }
}

function tokensTooltip(usage: Connection["store"]["usage"]): string {
  if (!usage) return "";
  const lines: [string, number | null][] = [
    ["input", usage.input_tokens],
    ["output", usage.output_tokens],
    ["reasoning", usage.reasoning_tokens],
    ["read from cache", usage.cache_read_tokens],
    ["written to cache", usage.cache_write_tokens],
  ];
  const shown = lines
    .filter(([, n]) => n !== null)
    .map(([name, n]) => `${count(n as number)} ${name}`);
  if (usage.cost !== null) shown.push(`$${usage.cost.toFixed(4)}`);
  return shown.join(", ");
}
