import { listen } from "./actions";
import { renderFull } from "./full";

export interface MarkdownOptions {
  /** Called once for each code block when it is complete, with its language in lower case. */
  onCodeBlock?: (code: HTMLElement, lang: string) => void;
}

export interface MarkdownRenderer {
  /** Adds new text; call it about once an animation frame. */
  append(text: string): void;
  /** Says that the text is complete: the page now equals a full parse of it. */
  end(): void;
  /** Replaces everything. */
  set(text: string): void;
  readonly text: string;
}

/** Renders streamed markdown into `root`, which it owns from now on. */
export function createMarkdown(root: HTMLElement, options: MarkdownOptions = {}): MarkdownRenderer {
  let source = "";
  root.classList.add("nbstream-md");
  listen(root);
  const draw = (): void => {
    const fresh = document.createElement("div");
    renderFull(source, fresh);
    const old = Array.from(root.children);
    let same = 0;
    const next = Array.from(fresh.children);
    while (same < old.length && next[same] && old[same]?.isEqualNode(next[same] as Node)) same++;
    for (const node of old.slice(same)) node.remove();
    root.append(...next.slice(same));
  };
  const finish = (): void => {
    for (const code of root.querySelectorAll<HTMLElement>("code[data-lang]")) {
      options.onCodeBlock?.(code, (code.dataset.lang ?? "").toLowerCase());
    }
  };
  return {
    append(text) {
      source += text;
      draw();
    },
    end() {
      draw();
      finish();
    },
    set(text) {
      source = text;
      draw();
    },
    get text() {
      return source;
    },
  };
}
