// Which addresses rendered text may carry. Judged by the browser's own URL parser, after it has
// decoded them, so that what is checked is what would be opened.

const LINK_SCHEMES = new Set(["http:", "https:", "mailto:"]);
const INLINE_IMAGE = /^data:image\/(?:png|gif|jpeg|webp);base64,[a-z0-9+/=]*$/i;
const MAX_URL = 8_192;
const MAX_INLINE_IMAGE = 4_000_000;

function parse(url: string): URL | null {
  if (url.length > MAX_URL) return null;
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** The address a link may open, or null: http, https, mailto, and `#fragment` within the document. */
export function safeLink(url: string): string | null {
  if (url.startsWith("#") && url.length <= MAX_URL) return url;
  const parsed = parse(url);
  return parsed && LINK_SCHEMES.has(parsed.protocol) ? url : null;
}

export type ImageSource =
  | { kind: "inline"; src: string }
  | { kind: "remote"; src: string; host: string }
  | { kind: "refused" };

/** What may become of an image's address: drawn, drawn after a click, or never. */
export function imageSource(url: string): ImageSource {
  if (/^data:/i.test(url)) {
    return url.length <= MAX_INLINE_IMAGE && INLINE_IMAGE.test(url)
      ? { kind: "inline", src: url }
      : { kind: "refused" };
  }
  const parsed = parse(url);
  return parsed && (parsed.protocol === "http:" || parsed.protocol === "https:")
    ? { kind: "remote", src: parsed.href, host: parsed.host }
    : { kind: "refused" };
}
