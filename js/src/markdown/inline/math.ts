// Where math begins and ends: $…$, $$…$$, \(…\), \[…\] within a line of text.

import type { InlineEnv, MarkdownIt, StateInline } from "./syntax";

const MAX_MATH = 2_000;
const WORD = /[\p{L}\p{N}]/u;
const NUMBER = /^\d+(?:[.,]\d+)*$/;
const PRICE = /^\d[\d.,]*[kKmMbB]?(?:\s+[a-z]{2,}|\s*[-–—/]?$)/;
const FORMULA = /^(?=[\s\S]*[\p{L}\d])[\s\S]*[\\^_={}+*/<>|-]|^\s*[a-zA-Z]\s*$/u;

function closing(src: string, close: string, from: number, max: number): number {
  const near = src.slice(from, Math.min(max, from + MAX_MATH));
  for (let at = 0; ; at += close.length) {
    at = near.indexOf(close, at);
    if (at < 0) return -1;
    let slashes = 0;
    while (near[at - 1 - slashes] === "\\") slashes++;
    if (close[0] === "\\" || slashes % 2 === 0) return from + at;
  }
}

function dollar(src: string, pos: number, max: number): number {
  if (/\s/.test(src[pos + 1] ?? " ") || WORD.test(src[pos - 1] ?? "")) return -1;
  const end = closing(src, "$", pos + 1, max);
  if (end <= pos + 1 || /\s/.test(src[end - 1] as string) || WORD.test(src[end + 1] ?? ""))
    return -1;
  const tex = src.slice(pos + 1, end);
  return PRICE.test(tex) && !NUMBER.test(tex) ? -1 : end;
}

function math(state: StateInline, silent: boolean): boolean {
  const { pos, posMax, src } = state;
  const first = src.charCodeAt(pos);
  let open: string;
  let end: number;
  if (first === 36) {
    open = src.charCodeAt(pos + 1) === 36 ? "$$" : "$";
    if (open === "$$" && src[pos + 2] === "$") return false;
    end = open === "$$" ? closing(src, "$$", pos + 2, posMax) : dollar(src, pos, posMax);
  } else if (first === 92 && (src[pos + 1] === "(" || src[pos + 1] === "[")) {
    open = src.slice(pos, pos + 2);
    end = closing(src, open === "\\(" ? "\\)" : "\\]", pos + 2, posMax);
    if (end > 0 && !FORMULA.test(src.slice(pos + 2, end))) end = -1;
  } else {
    return false;
  }
  const tex = end < 0 ? "" : src.slice(pos + open.length, end).trim();
  if (!tex) {
    // It may yet be closed by text to come.
    if (!silent && posMax - pos <= MAX_MATH) (state.env as InlineEnv).unclosed = true;
    return false;
  }
  if (!silent) {
    const token = state.push(
      open === "$$" || open === "\\[" ? "math_display" : "math_inline",
      "",
      0,
    );
    token.content = tex;
    token.markup = open;
  }
  state.pos = end + open.length;
  return true;
}

export function mathRules(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "math", math);
}
