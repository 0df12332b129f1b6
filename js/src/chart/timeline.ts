import { h } from "../dom/element";
import { seconds } from "../dom/format";
import type { Store } from "../run/store";

interface Row {
  name: string;
  kind: "wait" | "answer" | "thinking" | "tool" | "error";
  from: number;
  to: number;
}

/** Requests, thinking and tools of a run as bars on one clock. */
export class Timeline {
  readonly node = h("div", { class: "nbs-timeline", role: "list" });

  constructor(private readonly store: Store) {}

  write(): void {
    const { store } = this;
    const end = store.ended ? (store.metrics?.elapsed ?? store.state.time) : store.now;
    const label = (row: Row) =>
      `${row.name}: ${seconds(row.to - row.from)}, from ${seconds(row.from)} on`;
    this.node.replaceChildren(
      ...this.#rows(end).map((row) => {
        const bar = h("span", { class: "nbs-bar-span", "data-kind": row.kind, title: label(row) });
        bar.style.insetInlineStart = `${(100 * row.from) / (end || 1)}%`;
        bar.style.width = `max(2px, ${(100 * (row.to - row.from)) / (end || 1)}%)`;
        return h(
          "div",
          { class: "nbs-timeline-row", role: "listitem", "aria-label": label(row) },
          h("span", { class: "nbs-timeline-name" }, row.name),
          h("span", { class: "nbs-timeline-track" }, bar),
          h("span", { class: "nbs-timeline-time" }, seconds(row.to - row.from)),
        );
      }),
    );
  }

  #rows(end: number): Row[] {
    const { state, metrics } = this.store;
    const rows: Row[] = [];
    for (const [step, number, start, first, last] of metrics?.iteration_spans ?? []) {
      const name = [step, `request ${number}`].filter(Boolean).join(" · ");
      rows.push({ name: `${name}, waiting`, kind: "wait", from: start, to: first ?? end });
      if (first !== null) rows.push({ name, kind: "answer", from: first, to: last ?? first });
    }
    for (const part of state.parts) {
      if (part.kind === "thinking") {
        rows.push({ name: "thinking", kind: "thinking", from: part.time, to: part.until });
      } else if (part.kind === "tool") {
        const kind = part.status === "error" ? "error" : "tool";
        rows.push({ name: part.name || "tool", kind, from: part.time, to: part.until });
      }
    }
    return rows.sort((a, b) => a.from - b.from);
  }
}
