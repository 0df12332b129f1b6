// The boxes around code and tables: a bar with a label and a copy button.

function button(action: string, label: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.action = action;
  made.textContent = label;
  return made;
}

function div(className: string): HTMLDivElement {
  const made = document.createElement("div");
  made.className = className;
  return made;
}

export interface CodeBox {
  root: HTMLElement;
  label: HTMLElement;
  code: HTMLElement;
}

export function codeBox(): CodeBox {
  const root = div("md-code-block");
  const bar = div("md-bar");
  const label = document.createElement("span");
  label.className = "md-label";
  bar.append(label, button("copy-code", "Copy"));
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  const code = document.createElement("code");
  pre.append(code);
  root.append(bar, pre);
  return { root, label, code };
}

export interface TableBox {
  root: HTMLElement;
  table: HTMLTableElement;
}

export function tableBox(): TableBox {
  const root = div("md-table-block");
  const scroller = div("md-scroller");
  scroller.tabIndex = 0;
  const table = document.createElement("table");
  scroller.append(table);
  root.append(scroller, button("copy-table", "Copy"));
  return { root, table };
}

/** The table's cells, rows by lines and cells by tabs, as spreadsheets take them. */
export function tableText(table: HTMLTableElement): string {
  return Array.from(table.rows, (row) =>
    Array.from(row.cells, (cell) => (cell.textContent ?? "").trim().replace(/\s+/g, " ")).join(
      "\t",
    ),
  ).join("\n");
}
