import { icon, setText } from "./element";

/** Copies `text` and lets the button say so for a moment. */
export async function copyText(button: HTMLElement, text: string): Promise<void> {
  const label = button.querySelector(".nbs-label");
  const before = label?.textContent ?? "";
  const symbol = button.querySelector("svg");
  const copied = await write(text);
  if (label) setText(label, copied ? "Copied" : "Not allowed");
  const told = icon(copied ? "check" : "cross");
  symbol?.replaceWith(told);
  setTimeout(() => {
    if (label) setText(label, before);
    if (symbol) told.replaceWith(symbol);
  }, 1500);
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Pages served over plain http have no clipboard of their own. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
  }
}
