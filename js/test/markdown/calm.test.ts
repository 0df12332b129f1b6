import { beforeEach, describe, expect, test } from "vitest";
import { createMarkdown, type LoadModule } from "../../src/markdown";
import * as languages from "../../src/markdown/lazy/languages";
import * as math from "../../src/markdown/lazy/math";
import "../../src/dom/theme.css";
import "../../src/markdown/index.css";
import { specification } from "./examples";
import { texts } from "./texts";

const loadModule: LoadModule = async (name) => (name === "math" ? math : languages);

const root = document.createElement("div");
root.style.inlineSize = "700px";
document.body.append(root);

beforeEach(() => root.replaceChildren());

/** Everything before the place where the text goes on: earlier siblings, at every depth. */
function settled(): Element[] {
  const found: Element[] = [];
  let at: Element | null = root;
  while (at) {
    const children: Element[] = Array.from(at.children).filter(
      (child) =>
        !(child instanceof HTMLElement && child.hidden) && !child.matches("button, .md-bar"),
    );
    const last = children.pop();
    for (const child of children) found.push(child, ...child.querySelectorAll("*"));
    at = last ?? null;
  }
  return found;
}

const all = texts(specification);
const cases: Array<[string, string]> = [
  ["answer", (all["8k"] as string).slice(0, 6_000)],
  ["specification", specification.slice(8_000, 20_000)],
  ["code", (all["code 3000 lines"] as string).slice(0, 12_000)],
  ["table", (all["table 2000 rows"] as string).slice(0, 8_000)],
  ["list", (all["list 2000 items"] as string).slice(0, 8_000)],
  ["paragraph", (all["paragraph 100k"] as string).slice(0, 12_000)],
];

describe("what is settled stays", () => {
  test.each(cases)("%s", (_name, text) => {
    const renderer = createMarkdown(root);
    let before: Element[] = [];
    for (let at = 0; at < text.length; at += 24) {
      renderer.append(text.slice(at, at + 24));
      expect(before.filter((element) => !root.contains(element))).toEqual([]);
      before = settled();
    }
    renderer.end();
    expect(before.filter((element) => !root.contains(element))).toEqual([]);
  });
});

describe("the page seldom shrinks while text arrives", () => {
  test.each(cases)("%s", (_name, text) => {
    const renderer = createMarkdown(root);
    const falls: string[] = [];
    let height = 0;
    for (let at = 0; at < text.length; at += 4) {
      renderer.append(text.slice(at, at + 4));
      const now = root.getBoundingClientRect().height;
      if (now < height - 1)
        falls.push(`${height - now} after ${JSON.stringify(text.slice(at - 40, at + 4))}`);
      height = now;
    }
    expect(falls.length, falls.join("\n")).toBeLessThanOrEqual(text.length / 1_000);
  });
});

test("a selection and an opened <details> survive", () => {
  const renderer = createMarkdown(root);
  renderer.append(
    "First paragraph.\n\n<details><summary>More</summary>\n\nInside.\n\n</details>\n\nNow ",
  );
  const details = root.querySelector("details") as HTMLDetailsElement;
  details.open = true;
  const selection = getSelection() as Selection;
  selection.selectAllChildren(root.querySelector("p") as Element);
  for (let i = 0; i < 50; i++) renderer.append(`item ${i}\n\n- a\n- b\n\n`);
  renderer.end();
  expect(details.open).toBe(true);
  expect(root.contains(details)).toBe(true);
  expect(details.textContent).toContain("Inside.");
  expect(selection.toString()).toBe("First paragraph.");
});

test("formulas are drawn when their part is there, and once", async () => {
  const renderer = createMarkdown(root, { loadModule });
  renderer.append("A formula $x^2$ and prices of $5 and $6.\n\n$$\n\\frac{1}{2}\n$$\n\nmore");
  await expect.poll(() => root.querySelectorAll("math").length).toBe(2);
  const first = root.querySelector("math");
  renderer.append(" text, *and* more.\n");
  renderer.end();
  expect(root.querySelector("math")).toBe(first);
  expect(root.querySelector("p")?.textContent).toContain("prices of $5 and $6.");
});

test("a language that comes later colours the lines that are there", async () => {
  const renderer = createMarkdown(root, { loadModule });
  const code = `\`\`\`rust\n${'fn main() { let a = "b"; }\n'.repeat(150)}`;
  renderer.append(code);
  await expect
    .poll(() => root.querySelectorAll(".md-token.md-keyword").length)
    .toBeGreaterThan(100);
  renderer.append('fn last() { let c = "d"; }\n```\n');
  renderer.end();
  expect(root.querySelector("code")?.textContent).toBe(
    `${code.slice(8)}fn last() { let c = "d"; }\n`,
  );
  const late = structureOf(root);
  renderer.set(`${code}fn last() { let c = "d"; }\n\`\`\`\n`);
  renderer.end();
  expect(structureOf(root)).toBe(late);
});

function structureOf(element: Element): string {
  return element.innerHTML;
}

test("colours do not depend on how code was cut", () => {
  const code =
    '```python\ndef f(a: int) -> str:\n    """Doc\n    string"""\n    return f"{a}" + \'b\'  # end\n```\n';
  const renderer = createMarkdown(root);
  renderer.set(code);
  renderer.end();
  const whole = root.innerHTML;
  expect(root.querySelectorAll(".md-token").length).toBeGreaterThan(5);
  renderer.set("");
  for (const character of code) renderer.append(character);
  renderer.end();
  expect(root.innerHTML).toBe(whole);
});

test("a table is copied as tab-separated values", async () => {
  const renderer = createMarkdown(root);
  renderer.append("| a | b |\n|---|---|\n| 1 | *x* `y` |\n");
  let copied = "";
  Object.defineProperty(navigator, "clipboard", {
    configurable: true,
    value: {
      writeText: async (text: string) => {
        copied = text;
      },
    },
  });
  root.querySelector<HTMLElement>('button[data-action="copy-table"]')?.click();
  await expect.poll(() => copied).toBe("a\tb\n1\tx y");
});
