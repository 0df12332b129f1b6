// Raw HTML. No HTML parser ever sees the text: a tag on the list below becomes that element, made
// by createElement with the attributes named here; every other tag is shown as the text it is.

import { element, type VElement } from "../../dom/vnode";
import { grammar } from "../inline/grammar";
import { FLOW, PHRASING, VOID } from "../inline/tags";
import { image, link } from "./elements";

const ATTRIBUTES: Readonly<Record<string, RegExp>> = {
  align: /^(?:left|right|center|justify)$/i,
  colspan: /^\d{1,3}$/,
  dir: /^(?:ltr|rtl|auto)$/i,
  height: /^\d{1,4}%?$/,
  lang: /^[a-z0-9-]{1,35}$/i,
  open: /^(?:open)?$/i,
  rowspan: /^\d{1,3}$/,
  start: /^-?\d{1,9}$/,
  title: /^[\s\S]{0,1000}$/,
  value: /^-?\d{1,9}$/,
  width: /^\d{1,4}%?$/,
};
/** Attributes that are written without a value. */
const BARE = new Set(
  "autoplay checked compact controls disabled download hidden loop muted noshade nowrap open reversed".split(
    " ",
  ),
);
const MAX_TAG = 4_000;

export type Tag =
  | { kind: "open"; name: string; node: VElement; empty: boolean }
  | { kind: "close"; name: string }
  | { kind: "comment" };

const OPEN = /^<([a-z][a-z0-9-]*)((?:\s[\s\S]*)?)\/?>$/i;
const CLOSE = /^<\/([a-z][a-z0-9-]*)\s*>$/i;
const ATTRIBUTE = /([a-z_:][a-z0-9:._-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/gi;

/** Character references decoded, backslashes left alone. */
export function decodeEntities(value: string): string {
  return value.includes("&") ? grammar.utils.unescapeAll(value.replace(/\\/g, "\\\\")) : value;
}

/** The attributes of a tag; null where words stand in it that are none, as in `a <b and c> d`. */
function attributes(source: string): Map<string, string> | null {
  const found = new Map<string, string>();
  for (const match of source.matchAll(ATTRIBUTE)) {
    const name = (match[1] as string).toLowerCase();
    if (!match[0].includes("=") && !BARE.has(name)) return null;
    if (!found.has(name)) found.set(name, decodeEntities(match[2] ?? match[3] ?? match[4] ?? ""));
  }
  return found;
}

/** What one complete tag or comment means, or null where it is to be shown as text. */
export function readTag(source: string, inline: boolean): Tag | null {
  if (source.startsWith("<!--")) return { kind: "comment" };
  if (source.length > MAX_TAG) return null;
  const close = CLOSE.exec(source);
  const open = close ? null : OPEN.exec(source);
  const name = (close?.[1] ?? open?.[1] ?? "").toLowerCase();
  if (!PHRASING.has(name) && (inline || !FLOW.has(name))) return null;
  if (close) return { kind: "close", name };
  const given = attributes(open?.[2] ?? "");
  if (!given) return null;
  if (name === "img") {
    const node = image(given.get("src") ?? "", given.get("alt") ?? "", given.get("title") ?? "");
    return { kind: "open", name, node, empty: true };
  }
  if (name === "a") {
    const href = given.get("href");
    const node = href === undefined ? element("a") : link(href, given.get("title") ?? "", []);
    return { kind: "open", name, node, empty: false };
  }
  const attrs: Record<string, string> = {};
  for (const [key, value] of given) if (ATTRIBUTES[key]?.test(value)) attrs[key] = value;
  return { kind: "open", name, node: element(name, attrs), empty: VOID.has(name) };
}
