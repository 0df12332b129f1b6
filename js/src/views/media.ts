import { button, h } from "../dom/element";
import { count } from "../dom/format";
import { loadImage } from "../dom/image";
import { imageSource } from "../dom/url";
import type { MediaPart, Part } from "../run/parts";
import type { PartView } from "./part";

/** Base64 characters of a sound or file that is put into the page. */
const MAX_DATA = 20_000_000;
const SOUND = /^audio\/[\w.+-]+$/;

/** An image, sound or file. Nothing is fetched before the reader asks for it. */
export class MediaView implements PartView {
  readonly node = h("div", { class: "nbs-media" });
  #drawn = false;
  #part: MediaPart | null = null;

  takes(): boolean {
    return false;
  }

  grew(part: Part): void {
    this.#part = part as MediaPart;
  }

  rebind(): void {}

  write(): void {
    if (this.#drawn || !this.#part) return;
    this.#drawn = true;
    this.node.append(content(this.#part));
  }

  settle(): void {
    this.write();
  }
}

function content({ mime, data, url, alt }: MediaPart): Node {
  const source = data ? `data:${mime};base64,${data}` : url;
  if (mime.startsWith("image/") || (!data && url && mime === "")) return image(source, alt);
  if (data.length > MAX_DATA) return note(`${alt || mime}: too large to show here`);
  if (data && SOUND.test(mime)) return h("audio", { controls: true, src: source, title: alt });
  if (data) {
    const href = `data:application/octet-stream;base64,${data}`;
    const size = `${count((data.length * 3) / 4 / 1000)} kB`;
    return h("a", { class: "nbs-file", href, download: alt || "file" }, `${alt || mime} · ${size}`);
  }
  const remote = imageSource(url);
  if (remote.kind !== "remote") return note(alt || mime);
  const link = {
    class: "nbs-file",
    href: remote.src,
    target: "_blank",
    rel: "noopener noreferrer",
  };
  return h("a", link, `${alt || mime} · ${remote.host}`);
}

function image(source: string, alt: string): Node {
  const safe = imageSource(source);
  if (safe.kind === "inline") return h("img", { src: safe.src, alt });
  if (safe.kind === "refused") return note(`${alt || "image"}: cannot be shown here`);
  const placeholder = h(
    "div",
    { "data-part": "image-blocked", "data-src": safe.src, "data-alt": alt, title: safe.src },
    h("span", {}, alt || "image"),
  );
  placeholder.append(
    button("load-image", `Load from ${safe.host}`, null, () => loadImage(placeholder)),
  );
  return placeholder;
}

function note(text: string): Node {
  return h("div", { class: "nbs-note" }, text);
}
