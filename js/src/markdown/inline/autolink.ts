// GFM's extended autolinks as inline rules: bare http(s) and ftp addresses, www. and e-mail.

import type { MarkdownIt, StateInline, Token } from "./syntax";

const DOMAIN = /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*/u;
const WWW = /(^|[\s*_~(])(www\.[^\s<]{1,4000})/g;
const EMAIL =
  /(?<![a-zA-Z0-9._+-])(mailto:|xmpp:)?[a-zA-Z0-9._+-]{1,254}@[a-zA-Z0-9_-]{1,63}(?:\.[a-zA-Z0-9_-]{1,63}){1,8}/g;

/** An address without the punctuation that ends the sentence rather than the address. */
function trimAddress(found: string): string {
  let end = found.length;
  for (;;) {
    const last = found[end - 1] ?? "";
    if (/[?!.,:*_~'"]/.test(last)) {
      end--;
    } else if (last === ")") {
      const part = found.slice(0, end);
      if (part.split(")").length <= part.split("(").length) break;
      end--;
    } else if (last === ";") {
      const entity = /&[a-z0-9]+;$/i.exec(found.slice(0, end));
      if (!entity) break;
      end = entity.index;
    } else {
      break;
    }
  }
  return found.slice(0, end);
}

function validDomain(address: string, dots: number): boolean {
  const parts = DOMAIN.exec(address)?.[0].split(".") ?? [];
  return parts.length > dots && !parts.slice(-2).some((part) => part.includes("_"));
}

function bareUrl(state: StateInline, silent: boolean): boolean {
  const { pos, src } = state;
  if (src.charCodeAt(pos) !== 58 || state.linkLevel > 0 || !src.startsWith("://", pos))
    return false;
  const scheme = /(?:^|[^a-z0-9])(https?|ftp)$/i.exec(state.pending.slice(-6))?.[1];
  if (!scheme) return false;
  const rest = /^[^\s<]+/.exec(src.slice(pos + 3, Math.min(state.posMax, pos + 4_000)))?.[0] ?? "";
  const address = trimAddress(rest);
  if (!address || !validDomain(address, 0)) return false;
  const shown = `${scheme}://${address}`;
  const url = state.md.normalizeLink(shown);
  if (!state.md.validateLink(url)) return false;
  if (!silent) {
    state.pending = state.pending.slice(0, -scheme.length);
    state.push("link_open", "a", 1).attrs = [["href", url]];
    state.push("text", "", 0).content = shown;
    state.push("link_close", "a", -1);
  }
  state.pos += 3 + address.length;
  return true;
}

interface Found {
  at: number;
  shown: string;
  url: string;
}

function findInText(content: string): Found[] {
  const found: Found[] = [];
  for (const match of content.matchAll(WWW)) {
    const shown = trimAddress(match[2] as string);
    if (!validDomain(shown, 1)) continue;
    found.push({ at: match.index + (match[1] as string).length, shown, url: `http://${shown}` });
  }
  for (const match of content.matchAll(EMAIL)) {
    const shown = match[0];
    if (/[-_]$/.test(shown) || found.some((f) => match.index < f.at + f.shown.length)) continue;
    found.push({ at: match.index, shown, url: match[1] ? shown : `mailto:${shown}` });
  }
  return found.sort((a, b) => a.at - b.at);
}

function linkText(state: StateInline): void {
  let depth = 0;
  const out: Token[] = [];
  for (const token of state.tokens) {
    if (token.type === "link_open") depth++;
    else if (token.type === "link_close") depth--;
    else if (token.type === "html_inline") {
      if (/^<a[>\s]/i.test(token.content)) depth++;
      else if (/^<\/a\s*>/i.test(token.content)) depth = Math.max(0, depth - 1);
    }
    const found =
      token.type === "text" && depth === 0 && /www\.|@/.test(token.content)
        ? findInText(token.content)
        : [];
    if (!found.length) {
      out.push(token);
      continue;
    }
    let from = 0;
    const add = (type: string, nesting: -1 | 0 | 1, content: string): Token => {
      const made = new state.Token(type, "", nesting);
      made.content = content;
      out.push(made);
      return made;
    };
    for (const { at, shown, url } of found) {
      if (at > from) add("text", 0, token.content.slice(from, at));
      add("link_open", 1, "").attrs = [["href", state.md.normalizeLink(url)]];
      add("text", 0, shown);
      add("link_close", -1, "");
      from = at + shown.length;
    }
    if (from < token.content.length) add("text", 0, token.content.slice(from));
  }
  state.tokens.splice(0, state.tokens.length, ...out);
}

export function autolinks(md: MarkdownIt): void {
  md.inline.ruler.before("linkify", "bare_url", bareUrl);
  md.inline.ruler2.push("link_text", linkText);
}
