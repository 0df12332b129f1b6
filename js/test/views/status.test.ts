import { afterEach, expect, test } from "vitest";
import { end, METRICS, painted, START, Stage, text } from "../stage";

afterEach(() => document.body.replaceChildren());

const RUNNING = { ...METRICS, elapsed: null, current_rate: 50 };
const rate = (root: Element) => root.querySelector<HTMLElement>('[data-fact="rate"]')?.innerText;
const moment = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test("a model that falls silent reads as stalled, and again by its speed when it goes on", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  stage.send([START, text("One ")], RUNNING);
  await painted();
  expect(rate(root)).toBe("50 tok/s");
  await moment(2200);
  expect(rate(root)).toMatch(/^stalled [12] s$/);
  stage.send([{ ...text("two"), time: 3.5 }], RUNNING);
  await painted();
  expect(rate(root)).toBe("50 tok/s");
  stage.send([{ ...end(), time: 4 }], { ...METRICS, tokens_per_second: 20 });
  await painted();
  expect(rate(root)).toBe("20 tok/s");
});

test("what waits for a tool or another request is not stalled", async () => {
  const tool = new Stage();
  const asked = new Stage();
  const roots = [tool, asked].map((stage) => stage.show().root);
  tool.send(
    [
      START,
      text("I look."),
      { type: "tool_call_start", call_id: "c", block: 1, name: "f", time: 1 },
    ],
    RUNNING,
  );
  asked.send([START, text("One."), { type: "iteration_start", iteration: 2, time: 1.2 }], RUNNING);
  await painted();
  await moment(2200);
  for (const root of roots) expect(rate(root)).toBe("50 tok/s");
});
