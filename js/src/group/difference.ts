import { diffWordsWithSpace } from "diff";
import { h } from "../dom/element";

/** How long a comparison may take, in milliseconds. */
const PATIENCE = 400;

/** What `text` says otherwise than `base`, which is called `name`, word by word. */
export function difference(base: string, text: string, name: string): HTMLElement {
  const node = h("div", { class: "nbs-difference", "data-part": "difference" });
  const changes = diffWordsWithSpace(base, text, { timeout: PATIENCE });
  if (changes === undefined) {
    node.append(h("div", { class: "nbs-note" }, `Too different from ${name} to compare.`), text);
    return node;
  }
  let same = 0;
  for (const { value, added, removed } of changes) {
    if (added) node.append(h("ins", {}, value));
    else if (removed) node.append(h("del", {}, value));
    else {
      same += value.length;
      node.append(value);
    }
  }
  const share = Math.round((100 * 2 * same) / (base.length + text.length || 1));
  const legend = [h("del", {}, `only in ${name}`), " ", h("ins", {}, "only here")];
  node.prepend(h("div", { class: "nbs-note" }, `${share} % the same · `, ...legend));
  return node;
}
