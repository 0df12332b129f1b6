// The elements that carry a policy: links say where they go, remote images wait for a click.

import { imageSource, safeLink } from "../../dom/url";
import { type Attributes, element, text, type VElement, type VNode } from "../../dom/vnode";

/** A link to `url`; one that may not be opened keeps its text and names its target in the tooltip. */
export function link(url: string, title: string, children: VNode[]): VElement {
  const href = safeLink(url);
  const target = url.slice(0, 2_000).replace(/[<>]/g, encodeURIComponent);
  const tooltip = title ? `${title} (${target})` : target;
  if (href === null) return element("a", { title: tooltip, "data-refused": "" }, children);
  const attrs: Attributes = href.startsWith("#")
    ? { href, title: tooltip }
    : { href, title: tooltip, target: "_blank", rel: "noopener noreferrer nofollow" };
  return element("a", attrs, children);
}

export function image(url: string, alt: string, title: string): VElement {
  const source = imageSource(url);
  if (source.kind === "inline") {
    return element("img", title ? { src: source.src, alt, title } : { src: source.src, alt });
  }
  const label = element("span", { class: "md-image-alt" }, [text(alt || title || "image")]);
  if (source.kind === "refused") {
    return element("span", { class: "md-image", "data-part": "image-refused", title: url }, [
      label,
    ]);
  }
  return element(
    "span",
    {
      class: "md-image",
      "data-part": "image-blocked",
      "data-src": source.src,
      "data-alt": alt,
      title: source.src,
    },
    [
      label,
      element("button", { type: "button", "data-action": "load-image" }, [
        text(`Load from ${source.host}`),
      ]),
    ],
  );
}
