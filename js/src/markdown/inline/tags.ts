// The tags of raw HTML that become elements; every other is shown as the text it is.

export const PHRASING: ReadonlySet<string> = new Set(
  (
    "a abbr b bdi bdo br cite code del dfn em i img ins kbd mark q rp rt ruby s samp small span " +
    "strong sub sup u var wbr"
  ).split(" "),
);
export const FLOW: ReadonlySet<string> = new Set(
  (
    "article aside blockquote caption center dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 " +
    "h6 header hr li main ol p pre section summary table tbody td tfoot th thead tr ul"
  ).split(" "),
);
export const VOID: ReadonlySet<string> = new Set(["br", "hr", "img", "wbr"]);

/** Whether a name typed so far can still become a tag that is drawn. */
export function mayBecomeTag(prefix: string): boolean {
  for (const name of PHRASING) if (name.startsWith(prefix)) return true;
  return false;
}
