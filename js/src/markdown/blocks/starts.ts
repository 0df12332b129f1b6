// What the beginning of a line can open.

import { trim } from "./white_space";

const HTML_NAMES =
  "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul";
const ATTRIBUTE = `\\s+[a-zA-Z_:][a-zA-Z0-9:._-]*(?:\\s*=\\s*(?:[^"'=<>\`\\x00-\\x20]+|'[^']*'|"[^"]*"))?`;

interface HtmlStart {
  begin: RegExp;
  /** Null where a blank line ends it. */
  end: RegExp | null;
  interrupts: boolean;
}

const HTML_STARTS: readonly HtmlStart[] = [
  {
    begin: /^<(?:script|pre|style|textarea)(?=\s|>|$)/i,
    end: /<\/(?:script|pre|style|textarea)>/i,
    interrupts: true,
  },
  { begin: /^<!--/, end: /-->/, interrupts: true },
  { begin: /^<\?/, end: /\?>/, interrupts: true },
  { begin: /^<![A-Za-z]/, end: />/, interrupts: true },
  { begin: /^<!\[CDATA\[/, end: /\]\]>/, interrupts: true },
  { begin: new RegExp(`^</?(?:${HTML_NAMES})(?=\\s|/?>|$)`, "i"), end: null, interrupts: true },
  {
    begin: new RegExp(
      `^<(?:[A-Za-z][A-Za-z0-9-]*(?:${ATTRIBUTE})*\\s*/?|/[A-Za-z][A-Za-z0-9-]*\\s*)>\\s*$`,
    ),
    end: null,
    interrupts: false,
  },
];

export function htmlStart(line: string, inParagraph: boolean): HtmlStart | null {
  const start = HTML_STARTS.find(({ begin }) => begin.test(line));
  return start && (start.interrupts || !inParagraph) ? start : null;
}

export interface Heading {
  level: number;
  text: string;
}

export function heading(line: string): Heading | null {
  const marks = /^#{1,6}(?=[ \t]|$)/.exec(line)?.[0];
  if (!marks) return null;
  const text = trim(line.slice(marks.length));
  let end = text.length;
  while (text[end - 1] === "#") end--;
  const closed = end === 0 || /[ \t]/.test(text[end - 1] as string);
  return { level: marks.length, text: closed ? trim(text.slice(0, end)) : text };
}

export interface Fence {
  marker: string;
  info: string;
}

export function fence(line: string): Fence | null {
  const marker = /^(?:`{3,}(?!.*`)|~{3,})/.exec(line)?.[0];
  return marker ? { marker, info: line.slice(marker.length) } : null;
}

export function closesFence(line: string, marker: string): boolean {
  const run = /^(?:`{3,}|~{3,})(?=[ \t]*$)/.exec(line)?.[0];
  return run !== undefined && run[0] === marker[0] && run.length >= marker.length;
}

export function isRule(line: string): boolean {
  return /^(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/.test(line);
}

/** The level of a setext heading's underline, or 0. */
export function underline(line: string): 0 | 1 | 2 {
  if (/^=+[ \t]*$/.test(line)) return 1;
  return /^-+[ \t]*$/.test(line) ? 2 : 0;
}

export interface ListMarker {
  ordered: boolean;
  start: number;
  delimiter: string;
  length: number;
}

export function listMarker(line: string): ListMarker | null {
  const found = /^(?:[-+*]|(\d{1,9})([.)]))(?=[ \t]|$)/.exec(line);
  if (!found) return null;
  const ordered = found[1] !== undefined;
  return {
    ordered,
    start: ordered ? Number(found[1]) : 1,
    delimiter: ordered ? (found[2] as string) : (found[0] as string),
    length: found[0].length,
  };
}

/** The label and length of a footnote definition's mark. */
export function noteMark(line: string): { label: string; length: number } | null {
  const found = /^\[\^([^\s\]]{1,200})\]:/.exec(line);
  return found ? { label: found[1] as string, length: found[0].length } : null;
}

export interface MathStart {
  close: string;
  text: string;
  complete: boolean;
}

/** A formula of its own: `$$` or `\[` that no text follows after its end. */
export function mathStart(line: string): MathStart | null {
  const open = /^(?:\$\$(?!\$)|\\\[)/.exec(line)?.[0];
  if (!open) return null;
  const close = open === "$$" ? "$$" : "\\]";
  const text = line.slice(2);
  const end = text.indexOf(close);
  if (end < 0) return open === "$$" || text.trim() === "" ? { close, text, complete: false } : null;
  return text.slice(end + 2).trim() === "" && end > 0 && close === "$$"
    ? { close, text: text.slice(0, end), complete: true }
    : null;
}
