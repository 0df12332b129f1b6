import { afterEach, beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { end, painted, START, Stage, text } from "../stage";

let scroller: HTMLElement;

beforeEach(async () => {
  await page.viewport(800, 600);
  scroller = document.createElement("div");
  scroller.style.cssText = "height: 300px; overflow-y: auto";
  document.body.append(scroller);
});
afterEach(() => document.body.replaceChildren());

const settle = () => new Promise((resolve) => setTimeout(resolve, 60));
const paragraph = (i: number) => text(`Paragraph ${i}, which is long enough to be one.\n\n`);
const atEnd = (root: Element) => {
  const below = root.getBoundingClientRect().bottom - scroller.getBoundingClientRect().bottom;
  return Math.abs(below) < 30;
};
const jump = (root: Element) =>
  root.querySelector<HTMLButtonElement>('button[data-action="jump"]') as HTMLButtonElement;

async function grow(stage: Stage, n = 30): Promise<void> {
  for (let i = 0; i < n; i++) await stage.say(paragraph(i));
}

async function begun(): Promise<{ stage: Stage; root: HTMLElement }> {
  const stage = new Stage();
  const { root } = stage.show(scroller);
  await stage.say(START);
  await grow(stage);
  return { stage, root };
}

test("the end stays in sight while it grows", async () => {
  const { stage, root } = await begun();
  expect(scroller.scrollHeight).toBeGreaterThan(600);
  expect(atEnd(root)).toBe(true);
  await stage.say(text("The last line."), end());
  expect(atEnd(root)).toBe(true);
});

test("a large first piece is followed too", async () => {
  const stage = new Stage();
  const { root } = stage.show(scroller);
  stage.send([START, ...Array.from({ length: 40 }, (_, i) => paragraph(i))]);
  await painted();
  expect(atEnd(root)).toBe(true);
});

test("it stops the moment the reader scrolls up, and says where the end is", async () => {
  const { stage, root } = await begun();
  await userEvent.wheel(scroller, { delta: { y: -120 } });
  await settle();
  const top = scroller.scrollTop;
  await grow(stage, 10);
  expect(scroller.scrollTop).toBe(top);
  expect(jump(root).checkVisibility()).toBe(true);
  const button = jump(root).getBoundingClientRect();
  const view = scroller.getBoundingClientRect();
  expect(button.bottom).toBeLessThanOrEqual(view.bottom);
  expect(button.top).toBeGreaterThan(view.top);
  jump(root).click();
  await settle();
  expect(atEnd(root)).toBe(true);
  expect(jump(root).checkVisibility()).toBe(false);
  await grow(stage, 5);
  expect(atEnd(root)).toBe(true);
});

test("it goes on when the reader comes back to the bottom", async () => {
  const { stage, root } = await begun();
  scroller.scrollTop -= 200;
  await settle();
  await grow(stage, 3);
  expect(atEnd(root)).toBe(false);
  scroller.scrollTop = scroller.scrollHeight;
  await settle();
  await grow(stage, 5);
  expect(atEnd(root)).toBe(true);
});

test("an answer below the fold does not pull the reader down", async () => {
  const above = document.createElement("div");
  above.style.height = "2000px";
  scroller.append(above);
  const stage = new Stage();
  stage.show(scroller);
  await stage.say(START);
  await grow(stage);
  expect(scroller.scrollTop).toBe(0);
});

test("an answer that begins at the lower edge of what is seen is followed", async () => {
  const above = document.createElement("div");
  above.style.height = "305px";
  scroller.append(above);
  const stage = new Stage();
  const { root } = stage.show(scroller);
  await stage.say(START);
  await grow(stage);
  expect(atEnd(root)).toBe(true);
});

test("a growing answer that nobody follows says where its end is", async () => {
  const stage = new Stage();
  stage.send([START, ...Array.from({ length: 40 }, (_, i) => paragraph(i))]);
  await painted();
  const { root } = stage.show(scroller);
  await stage.say(paragraph(41));
  expect(scroller.scrollTop).toBe(0);
  expect(jump(root).checkVisibility()).toBe(true);
  scroller.scrollTop = scroller.scrollHeight;
  await settle();
  expect(jump(root).checkVisibility()).toBe(false);
  await grow(stage, 5);
  expect(atEnd(root)).toBe(true);
});

test("content that shrinks is not a reader who scrolls", async () => {
  const stage = new Stage();
  const { root } = stage.show(scroller);
  await stage.say(START);
  for (let i = 0; i < 20; i++) {
    await stage.say({ type: "thinking_delta", block: 0, text: `Thought ${i}.\n\n`, time: i });
  }
  await grow(stage, 12);
  expect(atEnd(root)).toBe(true);
});

test("after the end nothing is moved any more", async () => {
  const { stage, root } = await begun();
  await stage.say(end());
  const below = document.createElement("div");
  below.style.height = "1000px";
  scroller.append(below);
  scroller.scrollTop = 0;
  await settle();
  expect(scroller.scrollTop).toBe(0);
  expect(jump(root).checkVisibility()).toBe(false);
});

test("the page itself scrolls where nothing nearer does", async () => {
  scroller.style.cssText = "";
  const stage = new Stage();
  const { root } = stage.show(scroller);
  await stage.say(START);
  await grow(stage, 40);
  expect(window.scrollY).toBeGreaterThan(100);
  expect(root.getBoundingClientRect().bottom).toBeLessThan(window.innerHeight + 30);
  window.scrollTo(0, 0);
  await settle();
  await grow(stage, 5);
  expect(window.scrollY).toBe(0);
});
