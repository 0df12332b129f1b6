import { h } from "../dom/element";

/** How data frames come: as markdown, and nothing in their cells is. */
const TABLE = /^\|.*\|\n\|( --- \|)+\n/;

/** A tool's result as a table; null where it is none. */
export function createDataFrame(text: string): HTMLElement | null {
  if (!TABLE.test(text)) return null;
  const [grid = "", ...notes] = text.split("\n\n");
  const [head = "", , ...rows] = grid.split("\n");
  const table = h(
    "table",
    {},
    h("thead", {}, row("th", head)),
    h("tbody", {}, ...rows.map((line) => row("td", line))),
  );
  const more = h("div", { class: "nbs-note" }, notes.join("\n\n"));
  return h("div", { class: "nbs-table", role: "group", "aria-label": "Result" }, table, more);
}

function row(kind: "th" | "td", line: string): HTMLElement {
  const cells = line.slice(2, -2).split(/(?<!\\) \| /);
  return h("tr", {}, ...cells.map((cell) => h(kind, {}, cell.replaceAll("\\|", "|"))));
}
