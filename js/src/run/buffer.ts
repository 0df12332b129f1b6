/** A string that grows: appending and reading what is new both cost O(new text). */
export class TextBuffer {
  length = 0;
  #pieces: string[] = [];

  append(text: string): void {
    if (text === "") return;
    this.#pieces.push(text);
    this.length += text.length;
  }

  /** What was appended after the first `offset` characters. */
  since(offset: number): string {
    let at = this.length;
    let first = this.#pieces.length;
    while (at > offset && first > 0) at -= (this.#pieces[--first] as string).length;
    return this.#pieces
      .slice(first)
      .join("")
      .slice(offset - at);
  }

  toString(): string {
    return this.#pieces.join("");
  }
}
