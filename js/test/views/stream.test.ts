import { afterEach, describe, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { painter } from "../../src/dom/painter";
import { end, METRICS, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
});

const part = (root: Element, name: string) =>
  root.querySelector<HTMLElement>(`[data-part="${name}"]`);
const parts = (root: Element, name: string) => [...root.querySelectorAll(`[data-part="${name}"]`)];
const action = (root: Element, name: string) =>
  root.querySelector<HTMLButtonElement>(`button[data-action="${name}"]`);
const shown = (element: Element | null) => element?.checkVisibility() === true;

describe("parts", () => {
  test("a run from its start to its end", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START);
    expect(root.dataset.status).toBe("running");
    expect(shown(action(root, "stop"))).toBe(true);
    stage.send([text("Hello **world**"), end()], METRICS);
    await painted();
    expect(root.dataset.status).toBe("done");
    expect(root.getAttribute("aria-busy")).toBe("false");
    expect(part(root, "answer")?.querySelector("strong")?.textContent).toBe("world");
    expect(part(root, "metrics")?.innerText.replace(/\s+/g, " ")).toContain("m-1");
    const facts = [...root.querySelectorAll<HTMLElement>("[data-fact]")].map(
      (each) => each.innerText,
    );
    expect(facts).toEqual(["m-1", "412 tokens", "48 tok/s", "TTFT 0.30 s", "8.6 s", "stop"]);
    expect(shown(action(root, "stop"))).toBe(false);
  });

  test("an estimate shows as one", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    stage.send([START, text("a")], { ...METRICS, token_source: "deltas" });
    await painted();
    expect(root.querySelector('[data-fact="tokens"]')?.textContent).toBe("~412 tokens");
  });

  test("neighbouring text blocks are one answer; a tool divides it", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("One sen", 0), text("tence **in", 1), text(" two** blocks.", 2));
    expect(parts(root, "answer")).toHaveLength(1);
    expect(part(root, "answer")?.textContent).toBe("One sentence in two blocks.");
    await stage.say(
      { type: "tool_call_start", call_id: "c", block: 3, name: "f" },
      text("After.", 4),
    );
    const kinds = [...root.querySelectorAll(".nbs-body > *")].map((each) =>
      each.getAttribute("data-part"),
    );
    expect(kinds).toEqual(["answer", "tool", "answer"]);
  });

  test("thinking is open while it streams and then folds", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, { type: "thinking_delta", block: 0, text: "Hm.", time: 1, until: 13 });
    const panel = part(root, "thinking") as HTMLDetailsElement;
    expect(panel.open).toBe(true);
    expect(panel.innerText).toContain("Hm.");
    await stage.say(text("Yes.", 1));
    expect(panel.open).toBe(false);
    expect(panel.querySelector("summary")?.innerText).toBe("Thought for 12 s");
  });

  test("thinking that is only a signature shows nothing; sealed thinking says so", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const signed = { type: "thinking_delta", block: 0, text: "", time: 1 } as const;
    await stage.say(START, { ...signed, signature: "c2ln" }, text("Yes.", 1));
    expect(shown(part(root, "thinking"))).toBe(false);
    await stage.say({ ...signed, block: 2, redacted: "c2ln" }, text("No.", 3));
    expect(parts(root, "thinking").map(shown)).toEqual([false, true]);
  });

  test("a panel the reader opened stays open", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, { type: "thinking_delta", block: 0, text: "Hm.", time: 1 });
    const panel = part(root, "thinking") as HTMLDetailsElement;
    panel.querySelector("summary")?.click();
    panel.querySelector("summary")?.click();
    await stage.say(text("Yes.", 1));
    expect(panel.open).toBe(true);
  });

  test("hidden thinking is nowhere", async () => {
    const stage = new Stage({ options: { thinking: "hidden" } });
    const { root } = stage.show();
    await stage.say(START, { type: "thinking_delta", block: 0, text: "secret", time: 1 });
    expect(root.textContent).not.toContain("secret");
    expect(part(root, "waiting")?.innerText).toBe("thinking…");
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

  test("a tool that waits for a word gets it", async () => {
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
      { kind: "attend" },
      { kind: "approve", call_id: "a", decision: "approved" },
      { kind: "approve", call_id: "b", decision: "denied" },
    ]);
    expect(action(a, "deny")?.disabled).toBe(true);
    await stage.say({ type: "tool_approval", call_id: "a", decision: "approved" });
    expect(shown(action(a, "approve"))).toBe(false);
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
    await vi.waitFor(
      () => expect(part(root, "waiting")?.innerText).toContain("for the model"),
      5000,
    );
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

  test("an error card has the hint and folds what the provider said", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(
      START,
      text("Half"),
      { type: "error", kind: "server", message: "It broke.", hint: "Try later.", body: '{"e": 1}' },
      end("error"),
    );
    const card = part(root, "error") as HTMLElement;
    expect(root.dataset.status).toBe("error");
    expect(card.innerText).toContain("It broke.");
    expect(card.innerText).toContain("Try later.");
    expect(card.querySelector("details")?.open).toBe(false);
    expect(card.querySelector("pre")?.textContent).toBe('{"e": 1}');
    expect(part(root, "answer")?.innerText).toBe("Half");
  });

  test("a cut answer says why", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("Half"), end("length"));
    expect(part(root, "ending")?.innerText).toContain("truncated: max tokens reached");
  });

  test("waiting, a retry and a stall are said", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START);
    expect(part(root, "waiting")?.innerText).toBe("");
    await stage.say({ type: "retry", attempt: 1, reason: "rate limited", wait: 2, time: 0.5 });
    expect(part(root, "waiting")?.innerText).toBe("retrying in 2 s: rate limited");
    await stage.say({ type: "stall", idle: 6, first: true, time: 6 });
    expect(part(root, "waiting")?.innerText).toBe("waiting for the first token… 6 s");
    await stage.say({ ...text("a"), time: 7 });
    expect(shown(part(root, "waiting"))).toBe(false);
    await stage.say({ type: "stall", idle: 8, time: 15 });
    expect(part(root, "waiting")?.innerText).toBe("no new text for 8 s");
    await stage.say({ type: "retry", attempt: 1, reason: "overloaded", wait: 3, time: 16 });
    expect(part(root, "waiting")?.innerText).toBe("retrying in 3 s: overloaded");
  });

  test("a flood of warnings stays small", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const warning = (n: number) => ({ type: "warning", message: `odd line ${n}` });
    await stage.say(START, text("a"), warning(1), warning(2));
    for (let n = 3; n <= 40; n++) stage.send([warning(n)]);
    await painted();
    await stage.say(warning(41));
    const shownLines = [...(part(root, "warnings")?.children ?? [])].map(
      (each) => each.textContent,
    );
    expect(shownLines).toEqual(["odd line 1", "odd line 2", "odd line 3", "38 more warnings"]);
  });

  test("title and note stand above", async () => {
    const stage = new Stage({ options: { title: "Two models", note: "A demo." } });
    const { root } = stage.show();
    await stage.say(START, text("a"));
    expect(root.innerText).toMatch(/^Two models\s+A demo\.\s+a\s/);
  });

  test("sources are listed once each", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const cite = (url: string, title = "") => ({ type: "citation", block: 0, url, title });
    await stage.say(START, text("a"), cite("https://a.example/", "A"), cite("https://b.example/"));
    await stage.say(cite("https://a.example/", "A"), cite("javascript:alert(1)", "Bad"));
    const sources = part(root, "sources") as HTMLDetailsElement;
    expect(sources.querySelectorAll("li")).toHaveLength(3);
    expect([...sources.querySelectorAll("a")].map((a) => a.getAttribute("href"))).toEqual([
      "https://a.example/",
      "https://b.example/",
    ]);
  });

  test.each(["text", "code", "json"] as const)("format %s is shown as it is", async (format) => {
    const stage = new Stage({ options: { format } });
    const { root } = stage.show();
    await stage.say(START, text("**not** "), text("<b>markup</b>\n  x"));
    expect(part(root, "answer")?.textContent).toBe("**not** <b>markup</b>\n  x");
    expect(part(root, "answer")?.querySelector("strong")).toBeNull();
  });

  test("what is withdrawn disappears", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("keep ", 0));
    const answer = part(root, "answer");
    await stage.say(text("wrong", 1));
    expect(answer?.innerText).toBe("keep wrong");
    await stage.say({ type: "reset", block: 1 }, text("right", 1), end());
    expect(part(root, "answer")).toBe(answer);
    expect(answer?.innerText).toBe("keep right");
  });

  test("the reader sees the source and copies it", async () => {
    const copied = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("**bold**"));
    action(root, "raw")?.click();
    expect(part(root, "answer")?.innerText).toBe("**bold**");
    await stage.say(text(" more"));
    expect(part(root, "answer")?.innerText).toBe("**bold** more");
    action(root, "raw")?.click();
    expect(part(root, "answer")?.innerText).toBe("bold more");
    action(root, "copy")?.click();
    expect(copied).toHaveBeenCalledWith("**bold** more");
    await vi.waitFor(() => expect(action(root, "copy")?.innerText).toBe("Copied"));
  });
});

describe("painting", () => {
  test("settled nodes are never made again and a selection in them survives", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("The first paragraph.\n\nThe second "));
    const first = part(root, "answer")?.querySelector("p") as HTMLElement;
    const node = first.firstChild as Node;
    getSelection()?.setBaseAndExtent(node, 4, node, 9);
    for (let i = 0; i < 60; i++) await stage.say(text(`word ${i}${i % 9 ? " " : "\n\n"}`));
    await stage.say({ type: "tool_call_start", call_id: "c", block: 1, name: "f" }, end());
    expect(part(root, "answer")?.querySelector("p")).toBe(first);
    expect(first.firstChild).toBe(node);
    expect(getSelection()?.toString()).toBe("first");
  });

  test("the whole run said again keeps every node that is still right", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const tool = [
      { type: "tool_call_start", call_id: "c", block: 1, name: "f", time: 2 },
      { type: "tool_call_end", call_id: "c", arguments: {}, time: 2 },
    ];
    await stage.say(START, text("# One\n\ntwo"), ...tool, text("three", 2));
    const before = [...root.querySelectorAll(".nbs-body > *, h1, p")];
    stage.model.say({
      kind: "frames",
      after: 0,
      n: 7,
      events: [START, text("# One\n\ntwo"), ...tool, text("three and four", 2)],
    });
    await painted();
    expect([...root.querySelectorAll(".nbs-body > *, h1, p")]).toEqual(before);
    for (const [i, node] of [...root.querySelectorAll(".nbs-body > *, h1, p")].entries()) {
      expect(node).toBe(before[i]);
    }
    expect(parts(root, "answer").map((each) => each.textContent)).toEqual([
      "Onetwo",
      "three and four",
    ]);
  });

  test("a hidden tab, which has no animation frames, is painted by a timer", async () => {
    vi.spyOn(window, "requestAnimationFrame").mockReturnValue(1);
    const stage = new Stage();
    const { root } = stage.show();
    stage.send([START, text("Hello")]);
    await vi.waitFor(() => expect(root.textContent).toContain("Hello"), 5000);
  });

  test("many frames between two paints cost one paint", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("a"));
    let changes = 0;
    const observer = new MutationObserver(() => changes++);
    observer.observe(root, { childList: true, characterData: true, subtree: true });
    for (let i = 0; i < 50; i++) stage.send([text("a")]);
    await Promise.resolve();
    expect(changes).toBe(0);
    await painted();
    expect(changes).toBe(1);
    expect(part(root, "answer")?.textContent).toBe("a".repeat(51));
  });

  test("a view outside the document is left alone and catches up when it is back", async () => {
    const stage = new Stage();
    const { el, root } = stage.show();
    await stage.say(START, text("a"));
    el.remove();
    await stage.say(text("b"));
    await stage.say(text("c"), end());
    expect(part(root, "answer")?.textContent).toBe("a");
    document.body.append(el);
    await painted();
    await painted();
    expect(part(root, "answer")?.textContent).toBe("abc");
    expect(root.dataset.status).toBe("done");
  });

  test("one view's failure is not another's", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const root = document.body;
    const write = () => {
      throw new Error("broken");
    };
    const stage = new Stage();
    const view = stage.show();
    painter.request({ root, write, measure: () => {} });
    await stage.say(START, text("fine"));
    expect(view.root.textContent).toContain("fine");
    expect(errors).toHaveBeenCalled();
  });

  test("the caret stands to the left of what is read from the right", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("שלום עולם"));
    const caret = root.querySelector(".nbs-caret") as HTMLElement;
    const range = document.createRange();
    range.selectNodeContents(part(root, "answer")?.querySelector("p") as Node);
    expect(caret.getBoundingClientRect().right).toBeLessThan(range.getBoundingClientRect().left);
  });

  test("the caret stands behind the last character, in text as in code", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("Some words"));
    const caret = root.querySelector(".nbs-caret") as HTMLElement;
    const gap = () => {
      const range = document.createRange();
      const walker = document.createTreeWalker(part(root, "answer") as Node, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (node.textContent?.trim()) range.selectNodeContents(node);
      }
      const boxes = [...range.getClientRects()];
      return caret.getBoundingClientRect().left - (boxes.at(-1) as DOMRect).right;
    };
    expect(Math.abs(gap() - 3)).toBeLessThan(2);
    await stage.say(text("\n\n```py\nx = 1\nlonger = 2"));
    expect(Math.abs(gap() - 3)).toBeLessThan(2);
    await stage.say(end());
    expect(shown(caret)).toBe(false);
  });
});

describe("hostile text", () => {
  const EVIL = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';

  test("shows as text wherever it comes from", async () => {
    const stage = new Stage({ options: { note: EVIL, title: EVIL } });
    const { root } = stage.show();
    stage.send([
      { type: "run_start", run_id: "r", model: EVIL, provider: EVIL },
      { type: "step_start", name: EVIL, agent: EVIL, time: 0 },
      { type: "thinking_delta", block: 0, text: EVIL, time: 1 },
      text(EVIL, 1),
      { type: "tool_call_start", call_id: EVIL, block: 2, name: EVIL, time: 2 },
      { type: "tool_call_delta", call_id: EVIL, arguments: EVIL },
      { type: "tool_call_end", call_id: EVIL, arguments: { x: EVIL } },
      { type: "tool_progress", call_id: EVIL, content: EVIL },
      { type: "tool_result", call_id: EVIL, content: EVIL },
      { type: "citation", block: 1, title: EVIL, url: `javascript:${EVIL}`, quote: EVIL },
      { type: "content_part", block: 3, mime: "text/html", data: btoa(EVIL), alt: EVIL, time: 3 },
      { type: "content_part", block: 4, mime: "image/svg+xml", url: "javascript:1", time: 3 },
      { type: "refusal_delta", block: 5, text: EVIL, time: 3 },
      { type: "warning", message: EVIL, detail: EVIL },
      { type: "error", kind: "server", message: EVIL, hint: EVIL, body: EVIL },
      { type: "run_end", finish_reason: "error", provider_reason: EVIL, time: 4 },
    ]);
    await painted();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((globalThis as { hacked?: number }).hacked).toBeUndefined();
    expect(root.querySelector("script, img, iframe, object, embed")).toBeNull();
    for (const element of root.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        expect(name.startsWith("on")).toBe(false);
        if (name === "href" || name === "src") expect(value).not.toMatch(/^javascript:/i);
      }
    }
    for (const name of ["tool", "error", "refusal", "sources"]) {
      expect(part(root, name)?.textContent).toContain("<script>");
    }
  });

  test("a remote image waits for a click; data of an image is shown", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const dot =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await stage.say(
      START,
      {
        type: "content_part",
        block: 0,
        mime: "image/png",
        url: "http://127.0.0.1:9/x.png",
        alt: "A",
      },
      { type: "content_part", block: 1, mime: "image/png", data: dot, alt: "dot" },
    );
    expect(root.querySelectorAll("img")).toHaveLength(1);
    expect(root.querySelector("img")?.alt).toBe("dot");
    const blocked = part(root, "image-blocked") as HTMLElement;
    expect(blocked.innerText).toContain("127.0.0.1:9");
    action(blocked, "load-image")?.click();
    expect(root.querySelectorAll("img")).toHaveLength(2);
  });
});

describe("stop", () => {
  test("the button says so, and interrupts a kernel that does not hear", async () => {
    const stage = new Stage();
    const interrupt = vi.fn(async () => {});
    stage.model.widget_manager = { kernel: { interrupt } };
    const { root } = stage.show();
    await stage.say(START, text("a"));
    action(root, "stop")?.click();
    await painted();
    expect(stage.model.sent).toEqual([{ kind: "stop" }]);
    expect(action(root, "stop")?.innerText).toBe("Stopping…");
    expect(action(root, "stop")?.getAttribute("aria-disabled")).toBe("true");
    await vi.waitFor(() => expect(interrupt).toHaveBeenCalledOnce(), 8000);
    await stage.say(end("stopped"));
    expect(root.dataset.status).toBe("stopped");
    expect(shown(action(root, "stop"))).toBe(false);
  });
});

describe("a kernel that goes away", () => {
  test("leaves the text and nothing that turns for ever", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("Half"));
    stage.closing.abort();
    await painted();
    expect(root.dataset.status).toBe("stopped");
    expect(part(root, "answer")?.innerText).toBe("Half");
    expect(part(root, "ending")?.innerText).toContain("went away");
    expect(shown(action(root, "stop"))).toBe(false);
    expect(shown(root.querySelector(".nbs-caret"))).toBe(false);
  });
});

describe("for everybody", () => {
  test("the focus stays at the card when its question is answered", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(
      START,
      { type: "tool_call_start", call_id: "a", block: 0, name: "delete" },
      { type: "tool_call_end", call_id: "a", arguments: {} },
      { type: "tool_approval", call_id: "a", decision: "requested" },
    );
    action(root, "approve")?.focus();
    await userEvent.keyboard("{Enter}");
    expect(stage.model.sent.at(-1)).toEqual({
      ...{ kind: "approve", call_id: "a", decision: "approved" },
    });
    await stage.say({ type: "tool_approval", call_id: "a", decision: "approved" });
    expect(document.activeElement).toBe(part(root, "tool"));
  });

  test("every button is reached and pressed with the keyboard", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START, text("a"));
    const buttons = [...root.querySelectorAll("button")].filter(shown);
    const reached: (string | undefined)[] = [];
    for (const _ of buttons) {
      await userEvent.keyboard("{Tab}");
      reached.push((document.activeElement as HTMLElement).dataset.action);
      expect(getComputedStyle(document.activeElement as HTMLElement).outlineStyle).toBe("solid");
    }
    expect(reached).toEqual(buttons.map((each) => each.dataset.action));
    expect(reached).toEqual(expect.arrayContaining(["stop", "copy", "raw"]));
    action(root, "raw")?.focus();
    await userEvent.keyboard("{Enter}");
    expect(action(root, "raw")?.getAttribute("aria-pressed")).toBe("true");
    action(root, "stop")?.focus();
    await userEvent.keyboard(" ");
    expect(stage.model.sent).toEqual([{ kind: "stop" }]);
  });

  test("the focus stays in the view when Stop disappears and the view moves", async () => {
    const stage = new Stage();
    const { root, remove } = stage.show();
    await stage.say(START, text("a"));
    action(root, "stop")?.focus();
    await stage.say(end("stopped"));
    expect(document.activeElement).toBe(action(root, "copy"));
    remove();
    expect(document.activeElement).toBe(document.body);
    const frozen = document.createElement("div");
    frozen.innerHTML = `<div class="nbstream-static" data-nbstream="${stage.model.get("uid")}"></div>`;
    document.body.append(frozen);
    await Promise.resolve();
    expect(document.activeElement).toBe(action(root, "copy"));
  });

  test("the focus on Stop survives an exchange that comes before the last paint", async () => {
    const stage = new Stage();
    const { root, remove } = stage.show();
    await stage.say(START, text("a"));
    action(root, "stop")?.focus();
    stage.send([end("stopped")]);
    remove();
    await Promise.resolve();
    stage.show();
    expect(document.activeElement).toBe(action(root, "copy"));
  });

  test("a screen reader hears the beginning and the end, not each word", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    const live = root.querySelector("[aria-live]") as HTMLElement;
    const heard: string[] = [];
    new MutationObserver(() => heard.push(live.textContent ?? "")).observe(live, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    await stage.say(START);
    for (let i = 0; i < 20; i++) await stage.say(text("word "));
    stage.send([end()], METRICS);
    await painted();
    expect(live.getAttribute("aria-live")).toBe("polite");
    expect(heard).toEqual(["The answer is being written.", "The answer is complete, 412 tokens."]);
    expect(part(root, "answer")?.closest("[aria-live]")).toBeNull();
  });

  test("errors are announced with their hint", async () => {
    const stage = new Stage();
    const { root } = stage.show();
    await stage.say(START);
    await stage.say(
      { type: "error", kind: "server", message: "It broke.", hint: "Try later." },
      end("error"),
    );
    expect(root.querySelector("[aria-live]")?.textContent).toBe("Error: It broke. Try later.");
  });
});
