import { afterEach, expect, test, vi } from "vitest";
import runtime from "../../src/entries/index";
import makeStub from "../../src/entries/stub";
import { hubOf } from "../../src/host/hub";
import { Posts } from "../../src/host/posts";
import type { WireEvent } from "../../src/protocol/events";
import type { FromKernel, RuntimeMessage } from "../../src/protocol/frames";
import type { ModuleName } from "../../src/protocol/traits";
import type { Model } from "../../src/run/model";
import { FakeModel } from "../fake_model";
import { end, painted, START, Stage, text } from "../stage";

afterEach(() => document.body.replaceChildren());

/** What the kernel puts in place of the widget when a run has ended. */
function freeze(uid: string, parent: Element = document.body): HTMLElement {
  const holder = document.createElement("div");
  holder.innerHTML = `<div class="jp-RenderedHTML"><div class="nbstream-static" data-nbstream="${uid}"><p>static</p></div></div>`;
  parent.append(holder);
  return holder.querySelector(".nbstream-static") as HTMLElement;
}

test("static html takes over the live view with its nodes, before the next paint", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("# Title\n\nAnswer"), end());
  const heading = root.querySelector("h1");
  remove();
  const frozen = freeze(stage.model.get("uid"));
  await Promise.resolve();
  expect(root.parentElement).toBe(frozen);
  expect(frozen.querySelector("h1")).toBe(heading);
  expect(frozen.textContent).not.toContain("static");
});

test("a mark inside somebody else's html gets no live view", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("Answer"));
  remove();
  const uid = stage.model.get("uid");
  const mark = `<div class="nbstream-static" data-nbstream="${uid}"></div>`;
  for (const html of [`<div>Your prize: ${mark}</div>`, `<p>Click below</p>${mark}`]) {
    const output = document.createElement("div");
    output.className = "jp-OutputArea-output";
    output.innerHTML = html;
    document.body.append(output);
    await painted();
    expect(output.querySelector(".nbstream")).toBe(null);
  }
  const own = document.createElement("div");
  own.className = "jp-OutputArea-output";
  own.innerHTML = mark;
  document.body.append(own);
  await painted();
  expect(own.contains(root)).toBe(true);
});

test("the end may arrive after the html", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("Ans"));
  remove();
  freeze(stage.model.get("uid"));
  await stage.say(text("wer"), end());
  expect(root.isConnected).toBe(true);
  expect(root.dataset.status).toBe("done");
  expect(root.textContent).toContain("Answer");
});

test("the scroll position is the same after the exchange", async () => {
  const scroller = document.createElement("div");
  scroller.style.cssText = "height: 200px; overflow-y: auto";
  document.body.append(scroller);
  const stage = new Stage();
  const { remove } = stage.show(scroller);
  await stage.say(START, text("word\n\n".repeat(60)), end());
  scroller.scrollTop = 500;
  await painted();
  remove();
  freeze(stage.model.get("uid"), scroller);
  await painted();
  expect(scroller.scrollTop).toBe(500);
});

test("after a reload the html is there before the model", async () => {
  const uid = "reloaded";
  const frozen = freeze(uid);
  expect(frozen.textContent).toBe("static");
  const snapshot = { n: 3, events: [START, text("Answer"), end()] };
  new Stage({ uid, snapshot });
  await painted();
  expect(frozen.querySelector<HTMLElement>(".nbstream")?.dataset.status).toBe("done");
  expect(frozen.querySelector('[data-part="answer"]')?.textContent).toBe("Answer");
});

test("a model whose id comes late is found", async () => {
  const stage = new Stage({ uid: "" });
  stage.show().remove();
  await stage.say(START, text("Answer"), end());
  const frozen = freeze("late");
  await painted();
  expect(frozen.textContent).toBe("static");
  stage.model.traits.uid = "late";
  stage.model.trigger("change:uid");
  expect(frozen.querySelector('[data-part="answer"]')?.textContent).toBe("Answer");
});

test("html of an unknown stream stays as it is", async () => {
  const frozen = freeze("nobody");
  await painted();
  expect(frozen.textContent).toBe("static");
});

test("several views of one stream, frozen and live", async () => {
  const stage = new Stage();
  const [a, b] = [stage.show(), stage.show()];
  await stage.say(START, text("Answer"));
  expect([a, b].map(({ root }) => root.querySelector("p")?.textContent)).toEqual([
    "Answer",
    "Answer",
  ]);
  a.remove();
  const frozen = [freeze(stage.model.get("uid")), freeze(stage.model.get("uid"))];
  await stage.say(text("s"), end());
  expect(frozen[0]?.firstChild).toBe(a.root);
  expect(frozen[1]?.querySelector("p")?.textContent).toBe("Answers");
  expect(b.root.querySelector("p")?.textContent).toBe("Answers");
});

test("html drawn once more gets the same view again", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("Answer"), end());
  remove();
  const first = freeze(stage.model.get("uid"));
  await Promise.resolve();
  first.parentElement?.remove();
  const second = freeze(stage.model.get("uid"));
  await Promise.resolve();
  expect(root.parentElement).toBe(second);
});

test("a closed model leaves what is in the page", async () => {
  const stage = new Stage();
  const { root, remove } = stage.show();
  await stage.say(START, text("Answer"), end());
  remove();
  freeze(stage.model.get("uid"));
  await Promise.resolve();
  stage.closing.abort();
  await painted();
  expect(root.isConnected).toBe(true);
  expect(root.textContent).toContain("Answer");
});

// ── stub and runtime ────────────────────────────────────────────────────────

let bundles = 0;

function widget(bundle: string, uid: string) {
  const model = new FakeModel({ bundle, uid });
  const stub = makeStub();
  const el = document.createElement("div");
  document.body.append(el);
  const { signal } = new AbortController();
  return {
    model,
    el,
    initialize: () => stub.initialize({ model, signal }),
    render: () => stub.render({ el, signal }),
  };
}

/** The runtime's widget, and what it asked its kernel for. */
function load(bundle: string, signal = new AbortController().signal) {
  const callbacks: ((message: RuntimeMessage) => void)[] = [];
  const asked: ModuleName[] = [];
  runtime.initialize({
    signal,
    model: {
      get: () => bundle,
      on: (_, callback) => callbacks.push(callback),
      send: (message) => message.kind === "module" && asked.push(message.name),
    },
  });
  const say = (message: RuntimeMessage) => {
    for (const callback of callbacks) callback(message);
  };
  const answer = (name: ModuleName, code: string) => say({ kind: "module", name, code });
  return { asked, answer, say };
}

const hello: FromKernel = { kind: "frame", n: 1, events: [START, text("Hello"), end()] };

test("whoever comes first, nothing is lost", async () => {
  for (const order of ["runtime first", "messages first", "view first"]) {
    const bundle = `bundle-${++bundles}`;
    const { model, el, initialize, render } = widget(bundle, order);
    if (order === "runtime first") load(bundle);
    initialize();
    if (order === "view first") render();
    model.say(hello);
    if (order !== "runtime first") load(bundle);
    if (order !== "view first") render();
    await painted();
    expect(el.querySelector('[data-part="answer"]')?.textContent, order).toBe("Hello");
  }
});

test("many widgets share one runtime, and a second copy of it changes nothing", async () => {
  const bundle = `bundle-${++bundles}`;
  const widgets = ["a", "b", "c"].map((uid) => widget(bundle, uid));
  for (const { initialize, model, render } of widgets) {
    initialize();
    render();
    model.say(hello);
  }
  load(bundle);
  const { add } = hubOf(bundle);
  load(bundle);
  expect(hubOf(bundle).add).toBe(add);
  await painted();
  expect(widgets.map(({ el }) => el.querySelector("p")?.textContent)).toEqual(
    Array(3).fill("Hello"),
  );
});

test("two bundles of different versions live side by side", () => {
  const [old, young] = [`bundle-${++bundles}`, `bundle-${++bundles}`];
  load(old);
  expect(hubOf(young).add).toBeUndefined();
});

test("a frame that has no runtime asks the widget manager for it", async () => {
  const bundle = `bundle-${++bundles}`;
  const { model, el, initialize, render } = widget(bundle, "colab");
  const get_model = vi
    .fn<NonNullable<NonNullable<Model["widget_manager"]>["get_model"]>>()
    .mockRejectedValueOnce(new Error("not yet"))
    .mockImplementation(async () => void load(bundle));
  model.widget_manager = { get_model };
  initialize();
  render();
  model.say(hello);
  await vi.waitFor(() => expect(el.textContent).toContain("Hello"), 5000);
  expect(get_model).toHaveBeenCalledWith("r1");
});

test("a formula is drawn once a kernel has sent what draws it", async () => {
  const bundle = `bundle-${++bundles}`;
  const { model, el, initialize, render } = widget(bundle, "formula");
  const closing = new AbortController();
  const gone = load(bundle, closing.signal);
  closing.abort();
  const first = load(bundle);
  initialize();
  render();
  model.say({ kind: "frame", n: 1, events: [START, text("So $x^2$ it is."), end()] });
  await painted();
  expect(first.asked).toEqual(["math"]);
  expect(gone.asked).toEqual([]);
  const second = load(bundle);
  expect(el.textContent).toContain("x^2");
  await vi.waitFor(() => expect(second.asked).toEqual(["math"]), 5000); // the first is silent
  const code =
    "export const drawMath = (tex, display, into) => into.replaceChildren('drawn: ' + tex)";
  second.answer("math", code);
  first.answer("math", code);
  await vi.waitFor(() => expect(el.textContent).toContain("drawn: x^2"), 5000);
});

// ── messages for several widgets in one ─────────────────────────────────────

const frame = (n: number, ...events: WireEvent[]): FromKernel => ({ kind: "frame", n, events });

function pair() {
  const bundle = `bundle-${++bundles}`;
  const { say } = load(bundle);
  const [a, b] = ["a", "b"].map((name) => widget(bundle, `${bundle}-${name}`));
  if (!a || !b) throw new Error("two widgets");
  const posts = (messages: [typeof a, FromKernel][]) =>
    say({
      kind: "posts",
      posts: Object.fromEntries(messages.map(([to, message]) => [to.model.get("uid"), message])),
    });
  const show = (each: typeof a) => {
    each.initialize();
    each.render();
  };
  return { a, b, say, posts, show };
}

test("each view takes its own out of a message for several", async () => {
  const { a, b, posts, show, say } = pair();
  for (const each of [a, b]) show(each);
  posts([
    [a, frame(1, START, text("A"))],
    [b, frame(1, START, text("B"))],
  ]);
  say({ kind: "posts", posts: { nobody: frame(1, START), constructor: frame(1, START) } });
  // The second frame of one comes too late: it is asked for, and what came meanwhile is not lost.
  posts([
    [a, frame(3, text("3"), end())],
    [b, frame(2, text("2"), end())],
  ]);
  expect(a.model.sent).toEqual([{ kind: "hello", have: 1 }]);
  posts([[a, frame(2, text("2"))]]);
  await painted();
  expect([a, b].map(({ el }) => el.querySelector("p")?.textContent)).toEqual(["A23", "B2"]);
});

test("a view whose model loads late gets what came before it", async () => {
  const { a, b, posts, show } = pair();
  show(a);
  posts([
    [a, frame(1, START, text("A"))],
    [b, frame(2, text("2"), end())],
  ]);
  posts([[b, frame(1, START, text("B"))]]);
  show(b);
  await painted();
  expect(b.el.querySelector("p")?.textContent).toBe("B2");
});

test("what waits for nobody is bounded, in number and in time", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const posts = new Posts();
  for (let i = 0; i < 100; i++) posts.keep("many", frame(i + 1));
  expect(posts.take("many")).toHaveLength(64);
  expect(posts.take("many")).toHaveLength(0);
  for (let i = 0; i < 65; i++) posts.keep(`u${i}`, frame(1));
  expect(
    [posts.take("u0"), posts.take("u1"), posts.take("u64")].map((each) => each.length),
  ).toEqual([0, 1, 1]);
  vi.advanceTimersByTime(31_000);
  expect(posts.take("u2")).toHaveLength(0);
  posts.keep("u3", frame(2));
  expect(posts.take("u3")).toEqual([frame(2)]);
  vi.useRealTimers();
});
