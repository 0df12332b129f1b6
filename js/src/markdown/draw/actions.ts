// What clicks do, by one listener on the root.

import { loadImage } from "../../dom/image";
import { tableText } from "./boxes";

async function copy(button: HTMLElement, text: string): Promise<void> {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1_500);
}

function showNote(root: HTMLElement, number: string): void {
  const note = root.querySelector<HTMLElement>(`[data-note-body="${CSS.escape(number)}"]`);
  note?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

export function listen(root: HTMLElement): void {
  root.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const note = target?.closest<HTMLElement>("[data-note]")?.dataset.note;
    if (note) return showNote(root, note);
    const button = target?.closest<HTMLElement>("button[data-action]");
    if (!button || !root.contains(button)) return;
    switch (button.dataset.action) {
      case "copy-code": {
        const code = button.closest(".md-code-block")?.querySelector("code");
        void copy(button, code?.textContent ?? "");
        break;
      }
      case "copy-table": {
        const table = button.closest(".md-table-block")?.querySelector("table");
        if (table) void copy(button, tableText(table));
        break;
      }
      case "load-image": {
        event.preventDefault();
        const image = button.closest<HTMLElement>('[data-part="image-blocked"]');
        if (image) loadImage(image);
        break;
      }
      default:
        return;
    }
    event.stopPropagation();
  });
}
