import { afterEach, expect, test, vi } from "vitest";
import { painter } from "../../src/dom/painter";
import { part, shown } from "../find";
import { end, painted, START, Stage, text } from "../stage";

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  painter.paint(); // nothing is left to be painted in a frame that a mock has swallowed
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
  const shownLines = [...(part(root, "warnings")?.children ?? [])].map((each) => each.textContent);
  expect(shownLines).toEqual(["odd line 1", "odd line 2", "odd line 3", "38 more warnings"]);
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
