import { afterEach, beforeEach, expect, test } from "vitest";
import { cdp } from "vitest/browser";
import { createMarkdown } from "../../src/markdown";
import "../../src/dom/theme.css";
import "../../src/markdown/index.css";

const PARAGRAPHS = 400;
const FAR = 300;
const WORDS = `paragraph ${FAR} ends`;

let root: HTMLElement;
let far: HTMLElement;

const painted = (element: Element): boolean =>
  element.checkVisibility({ contentVisibilityAuto: true });

beforeEach(async () => {
  root = document.createElement("div");
  document.body.append(root);
  const renderer = createMarkdown(root);
  for (let n = 0; n < PARAGRAPHS; n++) renderer.append(`Some words, paragraph ${n} ends.\n\n`);
  renderer.end();
  window.scrollTo(0, 0);
  far = root.querySelectorAll("p")[FAR] as HTMLElement;
  await expect.poll(() => painted(far)).toBe(false);
});

afterEach(async () => {
  await cdp().send("Emulation.setEmulatedMedia", { media: "" });
  getSelection()?.removeAllRanges();
  root.remove();
});

test("find in page reaches text that is out of sight", async () => {
  const find = (window as unknown as { find(text: string): boolean }).find;
  expect(find.call(window, WORDS)).toBe(true);
  expect(getSelection()?.toString()).toBe(WORDS);
  expect(far.contains(getSelection()?.anchorNode ?? null)).toBe(true);
  await expect.poll(() => painted(far)).toBe(true);
});

test("print has text that is out of sight", async () => {
  await cdp().send("Emulation.setEmulatedMedia", { media: "print" });
  await expect.poll(() => painted(far)).toBe(true);
  const blocks = Array.from(root.querySelectorAll("p"));
  expect(blocks.length).toBe(PARAGRAPHS);
  expect(blocks.every((block) => painted(block) && block.clientHeight > 0)).toBe(true);
});
