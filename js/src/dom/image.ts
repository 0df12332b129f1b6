import { imageSource } from "./url";

/** Replaces a blocked image's placeholder by the image: the reader asked for it. */
export function loadImage(placeholder: HTMLElement): void {
  const source = imageSource(placeholder.dataset.src ?? "");
  if (source.kind !== "remote") return;
  const img = document.createElement("img");
  img.alt = placeholder.dataset.alt ?? "";
  img.referrerPolicy = "no-referrer";
  img.src = source.src;
  placeholder.dataset.part = "image-loaded";
  placeholder.replaceChildren(img);
}
