import { h } from "../dom/element";
import { plural } from "../dom/format";
import type { MarkdownRenderer } from "../markdown";

/** Containers nested deeper than this are drawn flat. */
const MAX_DEPTH = 64;

/** A container that is open: where its next item goes, and how many it has. */
interface Level {
  readonly node: HTMLElement;
  readonly head: (Node | string)[];
  readonly body: HTMLElement;
  readonly close: string;
  count: number;
}

type Mode = "value" | "string" | "literal" | "after" | "plain";

/**
 * JSON as a tree that grows while it is being written: a fold for each object and array, a line for each
 * value. Text that is no JSON from some character on goes on as plain text. Costs O(new text).
 */
export function createJson(root: HTMLElement): MarkdownRenderer {
  const tree = h("div", { class: "nbs-json" });
  root.append(tree);
  const pieces: string[] = [];
  let levels: Level[] = [];
  let mode: Mode = "value";
  let key = false;
  let escaped = false;
  let line: HTMLElement | null = null;
  let text = document.createTextNode("");

  const level = () => levels.at(-1);
  const newLine = () => {
    if (line) return line;
    line = h("div", { class: "nbs-json-line" });
    (level()?.body ?? tree).append(line);
    const parent = level();
    if (parent) parent.count += 1;
    return line;
  };
  const begin = (kind: string) => {
    text = document.createTextNode("");
    newLine().append(h("span", { class: `nbs-json-${kind}` }, text));
  };
  const open = (bracket: "{" | "[") => {
    const body = h("div", { class: "nbs-json-body" });
    const head = [...(line ? [...line.childNodes] : []), bracket];
    const summary = h("summary", { class: "nbs-json-fold", "data-folded": " …" }, ...head);
    const node = h("details", {}, summary, body);
    node.setAttribute("open", "");
    if (line) line.replaceWith(node);
    else (level()?.body ?? tree).append(node);
    const parent = level();
    if (parent && !line) parent.count += 1;
    line = null;
    levels.push({ node, head, body, close: bracket === "{" ? "}" : "]", count: 0 });
    mode = "value";
    key = bracket === "{";
  };
  const close = () => {
    const done = levels.pop();
    if (!done) return;
    if (done.count > 0) {
      done.node.append(h("div", { class: "nbs-json-close" }, done.close));
      const summary = done.node.firstElementChild as HTMLElement;
      summary.dataset.folded = ` … ${plural(done.count, "item")} ${done.close}`;
    } else done.node.replaceWith(h("div", { class: "nbs-json-line" }, ...done.head, done.close));
    line = null;
    mode = "after";
  };
  const plain = (rest: string) => {
    mode = "plain";
    text = document.createTextNode(rest);
    root.append(h("pre", { class: "nbs-code" }, h("code", {}, text)));
  };

  /** Draws from `i` on what belongs to the current token; where it ends. */
  const token = (chunk: string, i: number): number => {
    let end = i;
    if (mode === "string") {
      for (; end < chunk.length; end += 1) {
        if (escaped) escaped = false;
        else if (chunk[end] === "\\") escaped = true;
        else if (chunk[end] === '"') {
          text.appendData(chunk.slice(i, end + 1));
          mode = "after";
          return end + 1;
        }
      }
    } else {
      while (end < chunk.length && /[\w.+-]/.test(chunk[end] as string)) end += 1;
      if (end < chunk.length) mode = "after";
    }
    text.appendData(chunk.slice(i, end));
    return end;
  };

  const draw = (chunk: string) => {
    for (let i = 0; i < chunk.length; ) {
      if (mode === "plain") {
        text.appendData(chunk.slice(i));
        return;
      }
      if (mode === "string" || mode === "literal") {
        i = token(chunk, i);
        continue;
      }
      const c = chunk[i] as string;
      i += 1;
      if (/\s/.test(c)) continue;
      if (c === level()?.close) close();
      else if (mode === "after" && c === "," && level()) {
        line = null;
        mode = "value";
        key = level()?.close === "}";
      } else if (mode === "after" && c === ":" && key) {
        line?.append(": ");
        mode = "value";
        key = false;
      } else if (mode === "value" && c === '"') {
        begin(key ? "key" : "string");
        text.appendData(c);
        mode = "string";
      } else if (mode === "value" && !key && (c === "{" || c === "[") && levels.length < MAX_DEPTH)
        open(c);
      else if (mode === "value" && !key && /[\w-]/.test(c)) {
        begin("literal");
        mode = "literal";
        i -= 1;
      } else {
        plain(chunk.slice(i - 1));
        return;
      }
    }
  };

  return {
    append: (chunk) => {
      pieces.push(chunk);
      draw(chunk);
    },
    end: () => {},
    set: (whole) => {
      root.replaceChildren(tree);
      tree.replaceChildren();
      pieces.length = 0;
      levels = [];
      mode = "value";
      key = escaped = false;
      line = null;
      pieces.push(whole);
      draw(whole);
    },
    get text() {
      if (pieces.length > 1) pieces.splice(0, pieces.length, pieces.join(""));
      return pieces[0] ?? "";
    },
  };
}
