// Code coloured a line at a time: the tokenizer's state at the end of a line is all that the next
// line needs, so a line costs the same however long the block is.

import { type StreamParser, StringStream } from "@codemirror/streamparser";
import { type Attributes, element, text, type VNode } from "../../dom/vnode";

/** Longer lines are left uncoloured. */
const MAX_LINE = 1_000;
const TAB = 4;

const CLASSES: ReadonlyArray<[RegExp, string]> = [
  [
    /^(?:keyword|controlKeyword|operatorKeyword|definitionKeyword|moduleKeyword|modifier)/,
    "keyword",
  ],
  [/^(?:string|character|regexp|quote|special.string)/, "string"],
  [/^(?:comment|lineComment|blockComment|docComment)/, "comment"],
  [/^(?:number|integer|float|unit|color)/, "number"],
  [/^(?:atom|bool|null|self|constant)/, "atom"],
  [/definition|^def\b/, "def"],
  [/standard|^builtin/, "builtin"],
  [/^(?:type|variable-3|className|namespace)/, "type"],
  [/^(?:property|attribute)/, "property"],
  [/^(?:tag|angleBracket)/, "tag"],
  [/^(?:meta|processingInstruction|annotation|qualifier|labelName)/, "meta"],
  [/^(?:inserted|positive)/, "inserted"],
  [/^(?:deleted|negative)/, "deleted"],
];

const known = new Map<string, Attributes | null>();

function attributes(style: string): Attributes | null {
  let found = known.get(style);
  if (found === undefined) {
    const name = CLASSES.find(([pattern]) => pattern.test(style))?.[1];
    found = name ? { class: `md-token md-${name}` } : null;
    known.set(style, found);
  }
  return found;
}

function copyShallow(state: unknown): unknown {
  if (typeof state !== "object" || state === null) return state;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(state)) {
    copy[key] = Array.isArray(value) ? value.slice() : value;
  }
  return copy;
}

export class LineHighlighter {
  #state: unknown;

  constructor(readonly parser: StreamParser<unknown>) {
    this.#state = parser.startState?.(TAB) ?? true;
  }

  /** The next line's nodes. */
  line(source: string): VNode[] {
    return this.#read(source, this.#state);
  }

  /** The nodes of a line that is not complete yet. */
  guess(source: string): VNode[] {
    const state = (this.parser.copyState ?? copyShallow)(this.#state);
    return this.#read(source, state);
  }

  #read(source: string, state: unknown): VNode[] {
    if (!source) {
      this.parser.blankLine?.(state, TAB);
      return [];
    }
    if (source.length > MAX_LINE) return [text(source)];
    const stream = new StringStream(source, TAB, TAB);
    const nodes: VNode[] = [];
    let plain = "";
    try {
      for (let stuck = 0; !stream.eol() && stuck < 10; ) {
        const style = this.parser.token(stream, state);
        const word = stream.current();
        stuck = word ? 0 : stuck + 1;
        stream.start = stream.pos;
        const attrs = style && word.trim() ? attributes(style) : null;
        if (!attrs) {
          plain += word;
          continue;
        }
        if (plain) nodes.push(text(plain));
        plain = "";
        const last = nodes.at(-1);
        if (last && "tag" in last && last.attrs === attrs) {
          (last.children[0] as { text: string }).text += word;
        } else {
          nodes.push(element("span", attrs, [text(word)]));
        }
      }
    } catch {
      // A tokenizer that fails costs its line the colours, nothing else.
    }
    plain += source.slice(stream.start);
    if (plain) nodes.push(text(plain));
    return nodes;
  }
}
