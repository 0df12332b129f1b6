import { afterEach, describe, expect, test } from "vitest";
import { createJson } from "../../src/views/json";

afterEach(() => document.body.replaceChildren());

const VALUES: [string, string][] = [
  ["an object", '{"title": "Bees", "lines": ["a \\"b\\" \\\\", "c"], "n": -1.5e3, "ok": true}'],
  ["nested and empty", ' [ {} , [], [[1, {"a": null}]], "" ] \n'],
  ["a scalar", '"only words"'],
  ["brackets in strings", '{"a": "}],{[:", "b": {"c": "\\u007b"}}'],
];

function show(): { root: HTMLElement; json: ReturnType<typeof createJson> } {
  const root = document.createElement("div");
  document.body.append(root);
  return { root, json: createJson(root) };
}

/** What the tree says, without white space between its pieces. */
const said = (root: HTMLElement) =>
  JSON.stringify(JSON.parse(commas(root.querySelector(".nbs-json") as HTMLElement)));

function commas(node: Element): string {
  if (node.matches("details")) {
    const [summary, body, close] = [...node.children] as [Element, Element, Element];
    return `${summary.textContent}${[...body.children].map(commas).join(",")}${close.textContent}`;
  }
  if (node.matches(".nbs-json")) return [...node.children].map(commas).join("");
  return node.textContent ?? "";
}

describe("JSON as a tree", () => {
  test.each(VALUES)("%s, however it is cut", (_, text) => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const { root, json } = show();
      for (let i = 0; i < text.length; i += size) json.append(text.slice(i, i + size));
      json.end();
      expect(said(root)).toBe(JSON.stringify(JSON.parse(text)));
      expect(json.text).toBe(text);
    }
  });

  test("what has arrived is shown, and its nodes stay", () => {
    const { root, json } = show();
    json.append('{"title": "Be');
    const value = root.querySelector(".nbs-json-string");
    expect(value?.textContent).toBe('"Be');
    json.append('es", "lines": ["They bu');
    expect(root.querySelector(".nbs-json-string")).toBe(value);
    expect(value?.textContent).toBe('"Bees"');
    expect(root.querySelectorAll("details")).toHaveLength(2);
    expect(root.querySelector("summary")?.textContent).toBe("{");
  });

  test("drawing costs what is new", () => {
    const { root, json } = show();
    let nodes = 0;
    const observer = new MutationObserver(() => {});
    observer.observe(root, { childList: true, characterData: true, subtree: true });
    json.append('{"code": "');
    for (let i = 0; i < 1000; i++) json.append("x".repeat(20));
    nodes = observer.takeRecords().length;
    expect(nodes).toBeLessThan(1020);
    expect(root.querySelectorAll("*").length).toBeLessThan(10);
  });

  test.each([
    ["a fence", "```json\n{}\n```"],
    ["words", "Sorry, I cannot."],
    ["words after it", '{"a": 1} That is all.'],
  ])("%s is plain text", (_, text) => {
    const { root, json } = show();
    for (const character of text) json.append(character);
    expect(json.text).toBe(text);
    const rest = root.querySelector("pre")?.textContent ?? "";
    expect(text.endsWith(rest) && rest.length > 2).toBe(true);
  });

  test("deep nesting goes on as plain text", () => {
    const { root, json } = show();
    json.append("[".repeat(10_000));
    expect(root.querySelectorAll("details").length).toBeLessThan(100);
  });

  test("it can be said anew", () => {
    const { root, json } = show();
    json.append("no JSON");
    json.set('{"a": 1}');
    expect(root.querySelector("pre")).toBeNull();
    expect(said(root)).toBe('{"a":1}');
    json.append(" ");
    expect(json.text).toBe('{"a": 1} ');
  });
});
