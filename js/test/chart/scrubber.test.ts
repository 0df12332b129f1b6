import { beforeEach, expect, test } from "vitest";
import { Scrubber } from "../../src/chart/scrubber";
import type { WireEvent } from "../../src/protocol/events";
import { Replay } from "../../src/views/replay";
import { METRICS, START, Stage, text } from "../stage";
import { settled } from "./canvas";

const WORDS = ["one ", "two ", "three ", "four ", "five "];
const EVENTS: WireEvent[] = [
  START,
  ...WORDS.map((word, i) => ({ ...text(word), time: 1 + i })),
  { type: "run_end", finish_reason: "stop", time: 6 },
];

beforeEach(() => document.body.replaceChildren());

test("the text as it stood then, forwards and backwards", () => {
  const context = { loadModule: () => new Promise(() => {}), over: true, approve: () => {} };
  const replay = new Replay(EVENTS, { format: "text" }, context as never);
  const shown = () => replay.body.node.textContent?.trim() ?? "";
  replay.show(0.5);
  expect(shown()).toBe("");
  replay.show(2.5);
  expect(shown()).toBe("one two");
  replay.show(4.1);
  expect(shown()).toBe("one two three four");
  replay.show(1);
  expect(shown()).toBe("one");
  replay.show(6);
  expect(shown()).toBe("one two three four five");
});

test("playing moves on by itself, at a chosen speed, to the end", async () => {
  const times: (number | null)[] = [];
  const scrub = new Scrubber(1.5, (time) => times.push(time));
  document.body.append(scrub.node);
  const button = (action: string) =>
    scrub.node.querySelector<HTMLElement>(`[data-action=${action}]`);
  button("speed")?.click();
  button("speed")?.click();
  expect(button("speed")?.textContent).toBe("8×");
  button("replay")?.click();
  await expect.poll(() => times.at(-1), { timeout: 5000 }).toBeNull();
  const played = times.slice(0, -1) as number[];
  expect(played.length).toBeGreaterThan(1);
  expect(played).toEqual([...played].sort((a, b) => a - b));
});

test("the slider of a finished view asks the kernel once and shows the past", async () => {
  const stage = new Stage({ options: { format: "text" } });
  const { root } = stage.show();
  stage.send(EVENTS, { ...METRICS, elapsed: 6 });
  await settled();
  root.querySelector<HTMLElement>("[data-action=chart]")?.click();
  await settled();
  const slider = root.querySelector("[data-part=scrub] input") as HTMLInputElement;
  const slide = async (time: number) => {
    slider.value = String(time);
    slider.dispatchEvent(new Event("input"));
    await settled();
  };
  const visible = () =>
    [...root.querySelectorAll<HTMLElement>(".nbs-body")]
      .filter((body) => !body.hidden)
      .map((body) => body.textContent?.trim());
  await slide(3.2);
  expect(stage.model.sent.filter(({ kind }) => kind === "history").length).toBe(1);
  stage.model.say({ kind: "history", events: EVENTS });
  await settled();
  expect(visible()).toEqual(["one two three"]);
  await slide(1.2);
  expect(visible()).toEqual(["one"]);
  await slide(6);
  expect(visible()).toEqual(["one two three four five"]);
  expect(stage.model.sent.filter(({ kind }) => kind === "history").length).toBe(1);
  await slide(2);
  root.querySelector<HTMLElement>("[data-action=chart]")?.click();
  await settled();
  expect(visible()).toEqual(["one two three four five"]);
});
