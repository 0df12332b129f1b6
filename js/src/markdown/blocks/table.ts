// The lines of a table.

/** Wider tables are shown as the text they are. */
const MAX_COLUMNS = 100;

function cells(line: string): string[] {
  const found: string[] = [];
  let cell = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at] as string;
    if (char === "\\" && line[at + 1] === "|") {
      cell += "|";
      at++;
    } else if (char === "|") {
      found.push(cell);
      cell = "";
    } else {
      cell += char;
    }
  }
  found.push(cell);
  return found;
}

/** The cells of a row, trimmed; the outer pipes are optional. */
export function splitRow(line: string): string[] {
  const row = cells(line.trim());
  if (row.length && row[0] === "") row.shift();
  if (row.length && row.at(-1) === "") row.pop();
  return row.map((cell) => cell.trim());
}

/** The alignments ("", "left", "center", "right") a delimiter row gives, or null if it is none. */
export function delimiterRow(line: string): string[] | null {
  const row = line.trim();
  if (!/^(?:[|:]|-(?![ \t]))[|:\t -]+$/.test(row)) return null;
  const columns = row.split("|");
  const aligns: string[] = [];
  for (const [i, column] of columns.entries()) {
    const mark = column.trim();
    if (!mark) {
      if (i === 0 || i === columns.length - 1) continue;
      return null;
    }
    if (!/^:?-+:?$/.test(mark)) return null;
    const end = mark.endsWith(":");
    aligns.push(mark.startsWith(":") ? (end ? "center" : "left") : end ? "right" : "");
  }
  return aligns;
}

/** The header's cells where `delimiter` makes `line` one, else null. */
export function headerRow(line: string, aligns: readonly string[]): string[] | null {
  if (!line.includes("|")) return null;
  const header = splitRow(line);
  return header.length && header.length === aligns.length && header.length <= MAX_COLUMNS
    ? header
    : null;
}
