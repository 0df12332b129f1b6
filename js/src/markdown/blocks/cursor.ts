// A position in one line, by characters and by columns: tabs stop at every fourth column.

export class Cursor {
  pos = 0;
  column = 0;
  /** Where the next character that is no space or tab stands. */
  next = 0;
  nextColumn = 0;
  #splitTab = 0;

  constructor(readonly line: string) {
    this.scan();
  }

  /** Columns of white space from here. */
  get indent(): number {
    return this.nextColumn - this.column;
  }

  get blank(): boolean {
    return this.next >= this.line.length;
  }

  get char(): string {
    return this.line[this.next] ?? "";
  }

  /** The line from the next character on. */
  get rest(): string {
    return this.line.slice(this.next);
  }

  scan(): void {
    const { line } = this;
    let at = this.pos;
    let column = this.column;
    if (this.#splitTab > 0) {
      column += this.#splitTab;
      at++;
    }
    for (; at < line.length; at++) {
      const code = line.charCodeAt(at);
      if (code === 32) column++;
      else if (code === 9) column += 4 - (column % 4);
      else break;
    }
    this.next = at;
    this.nextColumn = column;
  }

  /** Moves to the next character and `count` characters beyond. */
  take(count: number): void {
    this.pos = this.next + count;
    this.column = this.nextColumn + count;
    this.#splitTab = 0;
    this.scan();
  }

  /** Moves up to `columns` of white space, through a part of a tab if need be. */
  skipColumns(columns: number): void {
    while (columns > 0 && this.pos < this.line.length) {
      const code = this.line.charCodeAt(this.pos);
      if (code === 9) {
        const width = this.#splitTab || 4 - (this.column % 4);
        const step = Math.min(width, columns);
        this.column += step;
        columns -= step;
        this.#splitTab = width - step;
        if (this.#splitTab === 0) this.pos++;
      } else if (code === 32) {
        this.pos++;
        this.column++;
        columns--;
      } else {
        break;
      }
    }
    this.scan();
  }

  /** The text from here, what is left of a split tab as spaces. */
  text(): string {
    return this.#splitTab > 0
      ? " ".repeat(this.#splitTab) + this.line.slice(this.pos + 1)
      : this.line.slice(this.pos);
  }

  save(): () => void {
    const { pos, column } = this;
    const split = this.#splitTab;
    return () => {
      this.pos = pos;
      this.column = column;
      this.#splitTab = split;
      this.scan();
    };
  }
}
