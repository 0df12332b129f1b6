import { describe, expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";
import { structure } from "./canonical";
import { characters, random, randomCuts } from "./cuts";
import { commonmark, gfm } from "./examples";
import { renderFull } from "./full";

function full(markdown: string): string {
  const root = document.createElement("div");
  renderFull(markdown, root);
  return structure(root);
}

function streamed(pieces: string[]): string {
  const root = document.createElement("div");
  const renderer = createMarkdown(root);
  for (const piece of pieces) renderer.append(piece);
  renderer.end();
  return structure(root);
}

describe("streamed text ends as the library's full parse", () => {
  test.each([...commonmark, ...gfm])("$name", ({ name, markdown }) => {
    const expected = full(markdown);
    expect(streamed([markdown]), "in one piece").toBe(expected);
    expect(streamed(characters(markdown)), "by characters").toBe(expected);
    const next = random(name.length * 7_919 + markdown.length);
    for (let round = 0; round < 4; round++) {
      expect(streamed(randomCuts(markdown, next, 9)), "by random cuts").toBe(expected);
    }
  });
});
