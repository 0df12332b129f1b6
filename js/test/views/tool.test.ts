import { afterEach, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { action, part, parts, shown } from "../find";
import { end, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

test("a tool call from its first fragment to its result", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "c", block: 0, name: "weather" },
    { type: "tool_call_delta", call_id: "c", arguments: '{"city": "Be' },
  );
  const card = part(root, "tool") as HTMLElement;
  expect(card.dataset.callId).toBe("c");
  expect(card.dataset.status).toBe("streaming");
  expect(card.innerText).toContain('{"city": "Be');
  await stage.say(
    { type: "tool_call_delta", call_id: "c", arguments: 'rn"}' },
    { type: "tool_call_end", call_id: "c", arguments: { city: "Bern" } },
    { type: "tool_result", call_id: "c", content: "x".repeat(5000), duration: 0.5 },
  );
  expect(card.dataset.status).toBe("done");
  expect(card.innerText).toContain('{"city": "Bern"}');
  expect(card.innerText).toContain("done · 0.50 s");
  expect(card.querySelector("details")?.open).toBe(false);
  expect(card.querySelector("summary")?.innerText).toBe("Result · 5,000 characters");
});

test("the end of long arguments is in sight while they are written", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const piece = { type: "tool_call_delta", call_id: "c", arguments: `"${"word ".repeat(900)}` };
  await stage.say(START, { type: "tool_call_start", call_id: "c", block: 0, name: "write" });
  await stage.say(piece);
  await stage.say(piece);
  const box = root.querySelector(".nbs-io") as HTMLElement;
  const below = () => box.scrollHeight - box.scrollTop - box.clientHeight;
  expect(box.scrollTop).toBeGreaterThan(0);
  expect(below()).toBeLessThan(2);
  box.scrollTop = 10;
  await painted();
  await stage.say(piece);
  expect(box.scrollTop).toBe(10);
  box.scrollTop = box.scrollHeight;
  await painted();
  await stage.say(piece);
  expect(below()).toBeLessThan(2);
  await stage.say({ type: "tool_call_end", call_id: "c", arguments: "word ".repeat(3000) });
  expect(box.scrollTop).toBe(0);
});

test("a tool that waits for a decision gets it", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const call = (call_id: string) => [
    { type: "tool_call_start", call_id, block: 0, name: "delete" },
    { type: "tool_call_end", call_id, arguments: {} },
    { type: "tool_approval", call_id, decision: "requested" },
  ];
  await stage.say(START, ...call("a"), ...call("b"));
  const [a, b] = parts(root, "tool") as [HTMLElement, HTMLElement];
  expect(shown(action(a, "approve"))).toBe(true);
  action(a, "approve")?.click();
  action(b, "deny")?.click();
  expect(stage.model.sent).toEqual([
    { kind: "watch" },
    { kind: "approve", call_id: "a", decision: "approved" },
    { kind: "approve", call_id: "b", decision: "denied" },
  ]);
  expect(action(a, "deny")?.disabled).toBe(true);
  await stage.say({ type: "tool_approval", call_id: "a", decision: "approved" });
  expect(shown(action(a, "approve"))).toBe(false);
});

test("the card shows what the kernel would run, and answers by the question's own id", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const shown = '{"amount": 9007199254740993, "to": "a\\u202eb"}';
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "a", block: 0, name: "pay" },
    {
      type: "tool_call_end",
      call_id: "a",
      arguments: { amount: 9007199254740992, to: "a\u202eb" },
    },
  );
  const ask = { type: "tool_approval", call_id: "a", decision: "requested", approval_id: "q1" };
  await stage.say({ ...ask, arguments_text: shown });
  const [card] = parts(root, "tool") as [HTMLElement];
  expect(card.querySelector('[data-label="Arguments"]')?.textContent).toBe(shown);
  action(card, "approve")?.click();
  expect(stage.model.sent.at(-1)).toEqual({
    ...{ kind: "approve", call_id: "a", approval_id: "q1", decision: "approved" },
  });
});

test("a tool's table is a table, and its image stands in its card", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const data =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "a", block: 0, name: "frame" },
    { type: "tool_call_end", call_id: "a", arguments: {} },
    { type: "tool_call_start", call_id: "b", block: 1, name: "draw" },
    { type: "tool_call_end", call_id: "b", arguments: {} },
    { type: "tool_result", call_id: "a", content: "| x | y |\n| --- | --- |\n| <b> | 2 |" },
    { type: "tool_result", call_id: "b", content: "[image/png, 99 bytes]" },
    { type: "content_part", block: 2, mime: "image/png", data, run: "b" },
    text("Done.", 3),
  );
  const [a, b] = parts(root, "tool") as [HTMLElement, HTMLElement];
  expect([...a.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual(["<b>", "2"]);
  expect(b.querySelector("img")?.src).toContain(data);
  expect(root.querySelectorAll("img")).toHaveLength(1);
});

test("a running tool and a silent model show how long it takes", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "a", block: 0, name: "a", time: 1 },
    { type: "tool_call_end", call_id: "a", arguments: {}, time: 2 },
    { type: "tool_call_start", call_id: "b", block: 1, name: "b", time: 2 },
    { type: "tool_call_end", call_id: "b", arguments: {}, time: 10 },
  );
  const [a, b] = parts(root, "tool") as [HTMLElement, HTMLElement];
  await vi.waitFor(() => expect(a.innerText).toMatch(/running · [12] s/), 4000);
  expect(shown(part(root, "waiting"))).toBe(false);
  await stage.say(
    { type: "tool_result", call_id: "a", content: "no", is_error: true, duration: 3, time: 13 },
    { type: "tool_approval", call_id: "b", decision: "denied", time: 13 },
    { type: "tool_result", call_id: "b", content: "not allowed", is_error: true, time: 13 },
  );
  expect(a.querySelector("pre:not([hidden])")?.getAttribute("data-label")).toBe("Error");
  expect(b.querySelector("pre:not([hidden])")?.getAttribute("data-label")).toBe("Not run");
  expect(shown(part(root, "waiting"))).toBe(true);
  await vi.waitFor(() => expect(part(root, "waiting")?.innerText).toContain("for the model"), 5000);
  await stage.say({ ...text("Well.", 2), time: 20 });
  expect(shown(part(root, "waiting"))).toBe(false);
});

test("an agent that a tool asks stands in the tool's card", async () => {
  const stage = new Stage();
  const { root } = stage.show();
  const nested = (what: string, time: number) => ({
    ...text(what),
    step: "critic",
    run: "c",
    time,
  });
  await stage.say(
    START,
    { type: "tool_call_start", call_id: "c", block: 1, name: "ask_critic", time: 1 },
    { type: "tool_call_end", call_id: "c", arguments: { text: "x" }, time: 1 },
    { type: "step_start", name: "critic", agent: "critic", run: "c", time: 1 },
    nested("Looks", 2),
  );
  await stage.say(nested(" fine.", 3), {
    type: "step_start",
    name: "critic/judge",
    step: "critic",
    run: "c/d",
    time: 3,
  });
  const card = part(root, "tool") as HTMLElement;
  const step = part(card, "step") as HTMLElement;
  const answer = part(step, "answer");
  expect(answer?.innerText).toBe("Looks fine.");
  expect(part(step, "step")?.innerText).toBe("judge");
  await stage.say(
    { type: "step_end", name: "critic/judge", step: "critic", run: "c/d", duration: 1, time: 4 },
    { type: "step_end", name: "critic", run: "c", duration: 2, time: 4 },
    { type: "tool_result", call_id: "c", content: "Looks fine.", time: 4 },
    { ...text("So it is.", 2), time: 5 },
    end(),
  );
  expect(part(part(card, "step") as HTMLElement, "answer")).toBe(answer);
  expect(card.innerText.match(/Looks fine\./g)).toHaveLength(1);
  const answers = [...root.querySelectorAll(".nbs-body > [data-part=answer]")];
  expect(answers.map((each) => each.textContent)).toEqual(["So it is."]);
});
