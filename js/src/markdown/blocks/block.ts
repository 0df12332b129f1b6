// One block of the document while it is being read. Only what is still open, or closed and not yet
// drawn, exists as a Block: settled blocks live in the page alone.

export type BlockKind =
  | "root"
  | "quote"
  | "list"
  | "item"
  | "note"
  | "paragraph"
  | "definition"
  | "heading"
  | "rule"
  | "fence"
  | "indented"
  | "html"
  | "math"
  | "table";

export class Block {
  /** Containers: the children the view has not taken yet. */
  children: Block[] = [];
  /** Containers: how many children there have been. */
  count = 0;
  open = true;
  /** Paragraphs, headings, formulas: the text of the complete lines. */
  text = "";
  /** Code, raw HTML and tables: complete lines the view has not taken yet. */
  lines: string[] = [];
  /** The guess for the line that is still arriving; gone before the next one is read. */
  partial: string | null = null;
  /** Whether the block itself is only a guess. */
  guessed = false;

  /** Headings: 1 to 6. */
  level = 0;
  /** Lists. */
  ordered = false;
  start = 1;
  delimiter = "";
  tight = true;
  /** Items: columns of indentation that belong to the item. Fences: columns to take off. */
  width = 0;
  /** Fences: the marker. Formulas: the closing mark. */
  marker = "";
  /** Fences: the info string. Footnotes: the label. */
  info = "";
  /** Raw HTML: what ends it; null where a blank line does. */
  htmlEnd: RegExp | null = null;
  /** Tables. */
  header: string[] = [];
  aligns: string[] = [];
  /** Paragraphs: where the last line begins, and whether it may become a table's header. */
  lastLine = 0;
  mayHead = true;
  /** Formulas: whether the closing mark was seen. */
  closed = false;

  constructor(
    public kind: BlockKind,
    readonly parent: Block | null,
  ) {}

  get isContainer(): boolean {
    return (
      this.kind === "root" ||
      this.kind === "quote" ||
      this.kind === "list" ||
      this.kind === "item" ||
      this.kind === "note"
    );
  }
}
