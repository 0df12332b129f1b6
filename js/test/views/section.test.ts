import { afterEach, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { part, parts, shown } from "../find";
import { end, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("steps are sections of their own", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const inStep = (step: string, what: string, time: number) => ({ ...text(what), step, time });
  await stage.say(
    START,
    { type: "step_start", name: "greet", index: 0, time: 1 },
    inStep("greet", "Hello", 2),
    { type: "step_end", name: "greet", duration: 1.5, time: 3 },
    { type: "step_start", name: "check", index: 1, time: 4 },
    inStep("check", "Fine", 5),
  );
  const [greet, check] = parts(root, "step") as [HTMLElement, HTMLElement];
  expect(greet.dataset.name).toBe("greet");
  expect(part(greet, "answer")?.innerText).toBe("Hello");
  expect(greet.innerText).toContain("1.5 s");
  expect(part(check, "answer")?.innerText).toBe("Fine");
  const answer = part(greet, "answer");
  await stage.say({ type: "step_end", name: "check", index: 1, duration: 1, time: 6 }, end());
  expect(part(greet, "answer")).toBe(answer);
  expect(check.dataset.status).toBe("done");
});

test("a step that answers with JSON grows a tree", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(
    START,
    { type: "step_start", name: "sort", structured: true, time: 1 },
    { ...text('{"kind": "har'), step: "sort", time: 2 },
  );
  expect(part(root, "step")?.querySelector(".nbs-json-string")?.textContent).toBe('"har');
  expect(shown(root.querySelector(".nbs-caret"))).toBe(true);
  await stage.say({ type: "step_end", name: "sort", duration: 2, time: 3 });
  expect(shown(root.querySelector(".nbs-caret"))).toBe(false);
});

test("a workflow that has ended says what its steps took", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const usage = (output_tokens: number) => ({ output_tokens });
  await stage.say(
    START,
    { type: "step_start", name: "greet", agent: "Kai", time: 1 },
    { type: "step_end", name: "greet", duration: 2, usage: usage(12), time: 3 },
    { type: "step_start", name: "a", index: 1, time: 3 },
    { type: "step_start", name: "a/inner", step: "a", time: 3 },
    { type: "step_start", name: "b", index: 2, time: 3 },
    {
      type: "step_end",
      name: "b",
      duration: 4,
      usage: usage(1),
      finish_reason: "error",
      time: 7,
    },
  );
  expect(shown(part(root, "summary"))).toBe(false);
  await stage.say(
    { type: "step_end", name: "a/inner", step: "a", finish_reason: "stopped", time: 7 },
    { type: "step_end", name: "a", finish_reason: "stopped", time: 7 },
    { type: "error", kind: "server", message: "Step 'b' failed", time: 7 },
    end("error"),
  );
  const rows = [...root.querySelectorAll("[data-part=summary] tr")];
  expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
    ["1. greetKai", "", "2.0 s", "12 tokens"],
    ["2. a", "stopped", "4.0 s", ""],
    ["3. b", "failed", "4.0 s", "1 token"],
    ["3 steps", "", "6.0 s", "13 tokens"],
  ]);
  expect(parts(root, "step").map((step) => (step as HTMLElement).dataset.status)).toEqual([
    ...["done", "stopped", "stopped", "error"],
  ]);
});
