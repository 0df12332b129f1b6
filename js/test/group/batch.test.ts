import { beforeEach, expect, test } from "vitest";
import { widgetKinds } from "../../src/entries/kinds";
import { BatchView } from "../../src/group/batch";
import { Registry } from "../../src/host/registry";
import { settled } from "../chart/canvas";
import { loadModule } from "../stage";
import { Traits } from "./traits";

const registry = new Registry(document, widgetKinds(loadModule));

let model: Traits;
let view: BatchView;
const items = () => [...view.root.querySelectorAll<HTMLElement>("[data-action=open]")];
const line = () => view.root.querySelector("[data-part=progress]")?.textContent;

beforeEach(async () => {
  document.body.replaceChildren();
  const labels = Array.from({ length: 200 }, (_, i) => `prompt <${i}>`);
  model = new Traits({ labels, states: ".".repeat(200), figures: {}, opened: "" });
  view = new BatchView(model as never, registry);
  document.body.append(view.root);
  view.arrive();
  await settled();
});

test("a square for each prompt and a line that counts", async () => {
  expect(items().length).toBe(200);
  expect(line()).toBe("0 of 200 prompts");
  model.change("figures", { tokens: 1234, elapsed: 2.5, tokens_per_second: 512.3 });
  model.change("states", "dder".padEnd(200, "."));
  await settled();
  expect(line()).toBe("3 of 200 prompts · 1 running · 1 failed · 1,234 tokens · 512 tok/s · 2.5 s");
  expect(items()[2]?.title).toBe("3. prompt <2>: failed");
  expect(view.root.dataset.status).toBe("running");
  const bar = view.root.querySelector("[role=progressbar]");
  expect([bar?.getAttribute("aria-valuenow"), bar?.getAttribute("aria-valuemax")]).toEqual([
    "3",
    "200",
  ]);
  model.change("states", "d".repeat(199).padEnd(200, "e"));
  await settled();
  expect(view.root.dataset.status).toBe("done");
});

test("a click asks for the item, another closes it", () => {
  items()[41]?.click();
  expect(items()[41]?.getAttribute("aria-pressed")).toBe("true");
  items()[41]?.click();
  expect(model.sent).toEqual([
    { kind: "open", index: 41 },
    { kind: "open", index: null },
  ]);
});

test("one stop of the tab key, arrows inside", () => {
  expect(items().filter((item) => item.tabIndex === 0).length).toBe(1);
  items()[0]?.focus();
  items()[0]?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  expect(document.activeElement).toBe(items()[1]);
});
