import DOMPurify from "dompurify";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cdp } from "vitest/browser";
import { createMarkdown, type LoadModule } from "../../src/markdown";
import * as languages from "../../src/markdown/lazy/languages";
import * as math from "../../src/markdown/lazy/math";
import { characters } from "./cuts";
import { payloads, worst } from "./payloads";

const loadModule: LoadModule = async (name) => (name === "math" ? math : languages);

let runs = 0;
const requests: string[] = [];
const root = document.createElement("div");

beforeAll(async () => {
  Object.assign(window, { pwned: () => runs++ });
  document.body.append(root);
  const session = cdp();
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ request }: { request: { url: string } }) => {
    requests.push(request.url);
  });
});

afterEach(() => {
  root.replaceChildren();
});

const NAMES =
  /^(?:align|alt|aria-\w+|class|colspan|dir|disabled|type|checked|height|hidden|href|lang|open|rel|role|rowspan|src|start|tabindex|target|title|value|width|data-[a-z-]+|display|xmlns|encoding|mathvariant|stretchy|style|form|fence|separator|lspace|rspace|minsize|maxsize|scriptlevel|displaystyle|accent|columnalign|rowspacing|columnspacing|linethickness|movablelimits|symmetric|largeop|prefix|postfix|depth|voffset|mathcolor|mathbackground|intent)$/;

function check(payload: string): void {
  for (const element of root.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      expect(name, payload).toMatch(NAMES);
      if (name === "href") expect(value, payload).toMatch(/^(?:https?:|mailto:|#)/i);
      if (name === "src") expect(value, payload).toMatch(/^data:image\/(?:png|gif|jpeg|webp);/);
      if (name === "style") expect(value, payload).not.toContain("url(");
    }
    expect(element.id, payload).toBe("");
    expect(element.localName, payload).not.toMatch(
      /^(?:script|style|iframe|object|embed|link|meta|base|form|svg|video|audio|source|template|textarea|select|body)$/,
    );
  }
  DOMPurify.sanitize(root.innerHTML, { ADD_ATTR: ["target"] });
  const removed = DOMPurify.removed.filter((entry) => {
    // Temml's mark for the source of a formula, which no element is made of.
    const name =
      "attribute" in entry ? entry.attribute?.name : (entry.element as Element).localName;
    return name !== "semantics" && name !== "annotation" && name !== "form" && name !== "encoding";
  });
  expect(removed, payload).toEqual([]);
}

describe("hostile answers", () => {
  test.each(payloads.map((payload) => [payload]))("%j", (payload) => {
    const renderer = createMarkdown(root, { loadModule });
    for (const character of characters(payload)) {
      renderer.append(character);
      check(payload);
    }
    renderer.end();
    check(payload);
    renderer.set(payload);
    renderer.end();
    check(payload);
  });

  test.each(worst.map((payload) => [payload]))("%j, cut anywhere", (payload) => {
    for (let cut = 1; cut < payload.length; cut++) {
      const renderer = createMarkdown(root, { loadModule });
      renderer.append(payload.slice(0, cut));
      check(payload);
      renderer.append(payload.slice(cut));
      check(payload);
      renderer.end();
      check(payload);
    }
  });
});

afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  await cdp().send("Network.disable");
  expect(runs).toBe(0);
  expect(requests.filter((url) => url.includes("evil.example"))).toEqual([]);
});

test("a click, and nothing before it, fetches an image", async () => {
  const renderer = createMarkdown(root);
  renderer.append("![x](https://evil.invalid/clicked.png)\n\nmore");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(requests.filter((url) => url.includes("evil.invalid"))).toEqual([]);
  root.querySelector<HTMLElement>('button[data-action="load-image"]')?.click();
  await expect.poll(() => requests.filter((url) => url.includes("evil.invalid")).length).toBe(1);
});
