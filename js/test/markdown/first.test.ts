import { expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";

function mount(): HTMLElement {
  const root = document.createElement("div");
  document.body.append(root);
  return root;
}

test("text that arrives in pieces reads as the whole does", () => {
  const root = mount();
  const renderer = createMarkdown(root);
  for (const piece of ["# Ti", "tle\n\nSome **bo", "ld** text\n"]) renderer.append(piece);
  renderer.end();
  expect(root.querySelector("h1")?.textContent).toBe("Title");
  expect(root.querySelector("strong")?.textContent).toBe("bold");
  expect(renderer.text).toBe("# Title\n\nSome **bold** text\n");
});

test("raw HTML is a short list of elements, the rest is text", () => {
  const root = mount();
  const renderer = createMarkdown(root);
  renderer.set('<script>alert(1)</script>\n\n<b onclick="alert(1)">b</b> <kbd>k</kbd>\n');
  renderer.end();
  expect(root.querySelector("script")).toBeNull();
  expect(root.querySelector("kbd")?.textContent).toBe("k");
  expect(root.querySelector("b")?.attributes.length).toBe(0);
  expect(root.textContent).toContain("<script>alert(1)</script>");
});

test("a remote image waits for a click", () => {
  const root = mount();
  createMarkdown(root).set("![alt](https://example.invalid/a.png)");
  expect(root.querySelector("img")).toBeNull();
  const blocked = root.querySelector<HTMLElement>('[data-part="image-blocked"]');
  expect(blocked?.textContent).toContain("example.invalid");
  blocked?.querySelector<HTMLElement>('button[data-action="load-image"]')?.click();
  expect(root.querySelector("img")?.src).toBe("https://example.invalid/a.png");
});
