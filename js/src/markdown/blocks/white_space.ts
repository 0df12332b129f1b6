// White space as CommonMark knows it: a no-break space is text.

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** Without the white space around it; in one pass, however much of it there is. */
export function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}
