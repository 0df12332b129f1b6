// Footnote marks in text: [^label].

import type { InlineEnv, MarkdownIt, StateInline } from "./syntax";

const MARK = /^\[\^([^\s\]]{1,200})\]/;

function mark(state: StateInline, silent: boolean): boolean {
  const { pos, src } = state;
  if (src.charCodeAt(pos) !== 91 || src.charCodeAt(pos + 1) !== 94) return false;
  const found = MARK.exec(src.slice(pos, Math.min(state.posMax, pos + 204)));
  if (!found) return false;
  const number = (state.env as InlineEnv).footnote(found[1] as string);
  if (!number) return false;
  if (!silent) {
    const token = state.push("footnote_mark", "", 0);
    token.content = String(number);
  }
  state.pos += found[0].length;
  return true;
}

export function footnoteMarks(md: MarkdownIt): void {
  md.inline.ruler.before("link", "footnote_mark", mark);
}
