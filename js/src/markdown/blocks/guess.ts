// What the beginning of a line may still become: while that is open, the line is not drawn, so that
// the page does not jump between readings.

import type { Block } from "./block";
import type { Cursor } from "./cursor";

const MARKS =
  /^(?:[-+*_]{1,2}|\||\*{3,}|-{3,}|_{3,}|\+|#{1,6}|`{1,2}|~{1,2}|\$\$?|\\\[?|\d{1,9}[.)]?|\[\^?[^\s\]]{0,40}\]?|<[/!?]?[a-zA-Z-]*)[ \t]*$/;

/** Whether it is too early to draw what stands at the cursor of the arriving line. */
export function undecided(cursor: Cursor, paragraph: Block | null): boolean {
  if (cursor.blank) return true;
  const rest = cursor.rest;
  if (rest.length > 60) return false;
  if (MARKS.test(rest)) return true;
  if (!paragraph) return false;
  if (/^=+[ \t]*$/.test(rest)) return true;
  return /^[|:-][|:\t -]*$/.test(rest) && paragraph.text.includes("|", paragraph.lastLine);
}

/** Whether the arriving line of a fenced block may become its closing fence. */
export function mayCloseFence(cursor: Cursor, marker: string): boolean {
  return cursor.indent <= 3 && /^(?:`+|~+)[ \t]*$/.test(cursor.rest) && cursor.char === marker[0];
}
