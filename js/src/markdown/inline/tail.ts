// The end of a text that is still arriving: an open **, a half link, a code span are read as they
// most probably will be, so that markers do not flash up before the text they mark.

import type { InlineEnv, MarkdownIt, StateInline } from "./syntax";
import { mayBecomeTag } from "./tags";

const MAX_OPEN_CODE = 300;
const MAX_OPEN_PAIRS = 6;
const MAX_OPEN_LABEL = 200;
const LABEL = String.raw`(?:\\.|[^\\\[\]\n]|\[[^\[\]\n]*\])`;
const HALF_LINK = new RegExp(
  String.raw`^\[(${LABEL}{1,${MAX_OPEN_LABEL}})(?:\](?:\([^()\s]*(?:\s+"[^"\n]*"?)?)?)?$`,
);
const HALF_IMAGE = new RegExp(
  String.raw`^!\[(${LABEL}{0,${MAX_OPEN_LABEL}})(?:\](?:\([^()\s]*(?:\s+"[^"\n]*"?)?)?)?$`,
);

/** `source` without what is too short to be drawn: half markers, half tags, half entities. */
export function trimTail(source: string): string {
  let text = source;
  const angle = text.lastIndexOf("<");
  if (angle >= 0 && text.length - angle < 300) {
    const begun = /^<(\/?)([a-z][a-z0-9-]*)?(\s[^>]*)?$/i.exec(text.slice(angle));
    const name = begun?.[2]?.toLowerCase() ?? "";
    const attributes = begun?.[3] ?? "";
    const tag =
      mayBecomeTag(name) && (attributes === "" || /^\s+([a-z]+(=\S*)?)?$/i.test(attributes));
    if ((begun && tag) || /^<(?:https?:|mailto:)[^\s>]*$/i.test(text.slice(angle))) {
      text = text.slice(0, angle);
    }
  }
  return text.replace(/(?:&[a-z0-9#]{0,8}|!?\[\^?|[*_~`]+|\\)$/i, "");
}

function live(state: StateInline, silent: boolean): boolean {
  return !silent && (state.env as InlineEnv).live;
}

function openCode(state: StateInline, silent: boolean): boolean {
  const { pos, posMax, src } = state;
  if (src.charCodeAt(pos) !== 96 || !live(state, silent) || posMax - pos > MAX_OPEN_CODE)
    return false;
  const run = /^`+/.exec(src.slice(pos, posMax))?.[0] ?? "";
  const rest = src.slice(pos + run.length, posMax);
  const closes = rest.match(/`+/g)?.some((found) => found.length === run.length);
  if (closes || rest.trim() === "") return false;
  state.push("code_inline", "code", 0).content = rest.replace(/\n/g, " ").trim();
  state.pos = posMax;
  return true;
}

function openLink(state: StateInline, silent: boolean): boolean {
  const { pos, posMax, src } = state;
  const first = src.charCodeAt(pos);
  if ((first !== 91 && first !== 33) || !live(state, silent)) return false;
  if (posMax !== src.length || posMax - pos > MAX_OPEN_LABEL + 2_000) return false;
  const rest = src.slice(pos);
  if (first === 33) {
    const half = HALF_IMAGE.exec(rest);
    if (!half) return false;
    const token = state.push("image", "img", 0);
    token.attrs = [["src", ""]];
    token.children = [];
    token.content = half[1] as string;
    state.pos = posMax;
    return true;
  }
  const label = HALF_LINK.exec(rest)?.[1];
  const before = src[pos - 1] ?? " ";
  // An index, a citation's number or a mere bracketed word is shown as it stands.
  if (!label || state.linkLevel > 0 || /[\p{L}\p{N}_)\]]/u.test(before)) return false;
  if (!rest.includes("](") && (/^[\d^,.\s]/.test(label) || rest.endsWith("]"))) return false;
  state.push("link_open", "a", 1).attrs = [["href", ""]];
  state.linkLevel++;
  state.pos = pos + 1;
  state.posMax = pos + 1 + label.length;
  state.md.inline.tokenize(state);
  state.linkLevel--;
  state.push("link_close", "a", -1);
  state.pos = state.posMax = posMax;
  return true;
}

/** Closes, at the end of the text, the emphasis that is open there. */
function openPairs(state: StateInline): void {
  if (!(state.env as InlineEnv).live) return;
  const delimiters = state.delimiters;
  const open: number[] = [];
  for (let i = 0; i < delimiters.length; i++) {
    const found = delimiters[i];
    if (!found) continue;
    if (found.end >= 0) i = found.end;
    else if (found.open && !found.close) open.push(i);
  }
  // The innermost few: more than that are no emphasis.
  for (const i of open.slice(-MAX_OPEN_PAIRS).reverse()) {
    const opener = delimiters[i] as (typeof delimiters)[number];
    if (state.pending) state.pushPending();
    const token = state.push("text", "", 0);
    token.content = "";
    delimiters.push({
      ...opener,
      token: state.tokens.length - 1,
      end: -1,
      open: false,
      close: true,
    });
    opener.end = delimiters.length - 1;
  }
}

const OPENERS = /`|<[a-z/!?]/i;

/** Notes whether anything is open that text to come could close. */
function noteOpen(state: StateInline): void {
  const env = state.env as InlineEnv;
  if (env.unclosed) return;
  env.unclosed = state.delimiters.some(({ open, end }) => open && end < 0);
  let brackets = 0;
  for (const { type, content } of state.tokens) {
    if (type !== "text") continue;
    if (OPENERS.test(content)) env.unclosed = true;
    for (const char of content) {
      if (char === "[") brackets++;
      else if (char === "]" && brackets > 0) brackets--;
    }
  }
  if (brackets > 0) env.unclosed = true;
}

export function tailRules(md: MarkdownIt): void {
  md.inline.ruler.before("backticks", "open_code", openCode);
  md.inline.ruler.before("link", "open_link", openLink);
  md.inline.ruler2.after("balance_pairs", "open_pairs", openPairs);
  md.inline.ruler2.after("open_pairs", "note_open", noteOpen);
}
