import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { WireEvent } from "../../src/protocol/events";
import type { FromKernel } from "../../src/protocol/frames";
import type { ToKernel } from "../../src/protocol/requests";
import { Connection, type Timers } from "../../src/run/connection";
import { Store } from "../../src/run/store";
import { FakeModel } from "../fake_model";
import { toDict } from "./plain";

function connect(model: FakeModel, signal = new AbortController().signal): Connection {
  const connection = new Connection(model, signal);
  model.on("msg:custom", (message) => connection.receive(message as FromKernel));
  return connection;
}

const START: WireEvent = { type: "run_start", run_id: "r", model: "m" };
const END: WireEvent = { type: "run_end", finish_reason: "stop" };
const text = (text: string): WireEvent => ({ type: "text_delta", block: 0, text });
const frame = (n: number, ...events: WireEvent[]): FromKernel => ({ kind: "frame", n, events });

describe("repair", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a gap is asked for at once and later frames wait", () => {
    const model = new FakeModel();
    const connection = connect(model);
    model.say(frame(1, START));
    model.say(frame(3, text("b")));
    expect(model.sent).toEqual([{ kind: "hello", have: 1 }]);
    expect(connection.store.text).toBe("");
    model.say({ kind: "frames", after: 1, n: 2, events: [text("a")] });
    expect(connection.store.text).toBe("ab");
    expect(model.sent).toHaveLength(1);
  });

  test("a short frame goes on with what the frame before ended with, also where it waited", () => {
    const model = new FakeModel();
    const connection = connect(model);
    const grow = (n: number, text: string): FromKernel => ({
      kind: "grow",
      n,
      delta: [text, 2, 0.5, 0.6],
    });
    model.say(frame(1, START, text("a")));
    model.say(grow(3, "c"));
    model.say(grow(2, "b"));
    expect(connection.store.text).toBe("abc");
    model.say(grow(4, "d"));
    expect(connection.store.text).toBe("abcd");
    expect(toDict(connection.store).parts).toHaveLength(1);
  });

  test("the widget's state may have what messages have not brought", () => {
    const model = new FakeModel();
    const connection = connect(model);
    model.say(frame(4, text("d")));
    model.traits.snapshot = { n: 3, events: [START, text("a"), text("b"), text("c")] };
    model.trigger("change:snapshot");
    expect(connection.store.text).toBe("abcd");
    model.traits.snapshot = { n: 2, events: [START, text("a")] };
    model.trigger("change:snapshot");
    expect(connection.store.text).toBe("abcd");
  });

  test("silence is asked about after two seconds, then less and less often", () => {
    const model = new FakeModel();
    connect(model);
    model.say(frame(1, START));
    vi.advanceTimersByTime(1900);
    expect(model.sent).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(model.sent).toEqual([{ kind: "hello", have: 1 }]);
    vi.advanceTimersByTime(60_000);
    expect(model.sent.length).toBeGreaterThan(4);
    expect(model.sent.length).toBeLessThan(10);
  });

  test("beats keep it quiet, and a beat ahead of us is a gap", () => {
    const model = new FakeModel();
    connect(model);
    model.say(frame(1, START));
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(1000);
      model.say({ kind: "beat", n: 1 });
    }
    expect(model.sent).toEqual([]);
    model.say({ kind: "beat", n: 2 });
    expect(model.sent).toEqual([{ kind: "hello", have: 1 }]);
  });

  test("after the end nothing is asked any more", () => {
    const model = new FakeModel();
    connect(model);
    model.say(frame(1, START, text("a"), END));
    vi.advanceTimersByTime(120_000);
    expect(model.sent).toEqual([]);
  });

  test("a snapshot is the beginning, and the kernel is asked for what came since", () => {
    const snapshot = { n: 4, events: [START, text("so far")] };
    const model = new FakeModel({ snapshot });
    const connection = connect(model);
    expect(connection.store.text).toBe("so far");
    expect(model.sent).toEqual([{ kind: "hello", have: 4 }]);
    model.say({ kind: "frames", after: 4, n: 5, events: [text(" and on"), END] });
    expect(connection.store.text).toBe("so far and on");
  });

  test("a run too long for the widget's state is asked for at once, and comes in pieces", () => {
    const model = new FakeModel({ status: "running", snapshot: { n: 0, events: [] } });
    const connection = connect(model);
    expect(model.sent).toEqual([{ kind: "hello", have: 0 }]);
    model.say({ kind: "frames", after: 0, n: 3, until: 9, events: [START, text("a")] });
    // What happens meanwhile does not come in between.
    model.say(frame(10, text("d")));
    model.say({ kind: "beat", n: 10 });
    model.say({ kind: "frames", after: 3, n: 6, until: 9, events: [text("b")] });
    vi.advanceTimersByTime(400);
    model.say(frame(11, text("e"), END));
    expect(connection.store.text).toBe("ab");
    model.say({ kind: "frames", after: 6, n: 9, events: [text("c")] });
    expect(connection.store.text).toBe("abcde");
    expect(model.sent).toHaveLength(1);
  });

  test("a piece that was lost is asked for, once", () => {
    const model = new FakeModel({ status: "running", snapshot: { n: 0, events: [] } });
    const connection = connect(model);
    model.say({ kind: "frames", after: 0, n: 3, until: 9, events: [START, text("a")] });
    model.say({ kind: "frames", after: 5, n: 7, until: 9, events: [text("c")] });
    model.say({ kind: "frames", after: 7, n: 9, events: [text("d")] });
    expect(model.sent.slice(1)).toEqual([{ kind: "hello", have: 3 }]);
    model.say({ kind: "frames", after: 3, n: 6, until: 9, events: [text("b")] });
    vi.advanceTimersByTime(600); // and the last does not come
    expect(model.sent.slice(2)).toEqual([{ kind: "hello", have: 6 }]);
    model.say({ kind: "frames", after: 6, n: 9, events: [text("cd"), END] });
    expect(connection.store.text).toBe("abcd");
    vi.advanceTimersByTime(60_000);
    expect(model.sent).toHaveLength(3);
  });

  test("an answer to another window's question does no harm", () => {
    const model = new FakeModel();
    const connection = connect(model);
    model.say(frame(1, START, text("a")));
    model.say(frame(2, text("b")));
    model.say({ kind: "frames", after: 0, n: 2, events: [START, text("ab")] });
    model.say({ kind: "frames", after: 1, n: 2, events: [text("b")] });
    expect(connection.store.text).toBe("ab");
  });

  test("a kernel that does not answer is said to be lost, until it speaks again", () => {
    const model = new FakeModel();
    const connection = connect(model);
    model.say(frame(1, START));
    vi.advanceTimersByTime(20_000);
    expect(connection.lost).toBe(true);
    model.say(frame(2, text("a")));
    expect(connection.lost).toBe(false);
  });

  test("a kernel that has restarted is gone, and nothing is asked of it any more", () => {
    const model = new FakeModel();
    const connection = connect(model);
    model.say(frame(1, START));
    const send = vi.spyOn(model, "send").mockImplementation(() => {
      throw new Error("Cannot send");
    });
    model.trigger("comm_live_update");
    expect(connection.gone).toBe(true);
    vi.advanceTimersByTime(120_000);
    expect(send).toHaveBeenCalledOnce();
  });

  test("a closed model asks nothing any more", () => {
    const model = new FakeModel();
    const closing = new AbortController();
    const connection = connect(model, closing.signal);
    model.say(frame(1, START));
    closing.abort();
    vi.advanceTimersByTime(60_000);
    expect(model.sent).toEqual([]);
    expect(connection.gone).toBe(true);
  });
});

describe("stop", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function running(interruptible = false) {
    const model = new FakeModel({ interruptible });
    const interrupt = vi.fn(async () => {});
    model.widget_manager = { kernel: { interrupt } };
    const connection = connect(model);
    model.say(frame(1, START, text("a")));
    return { model, interrupt, connection };
  }

  test("an acknowledged stop leaves the kernel alone", () => {
    const { model, interrupt, connection } = running();
    connection.stop();
    connection.stop();
    expect(model.sent).toEqual([{ kind: "stop" }]);
    expect(connection.stopping).toBe(true);
    model.say({ kind: "ack", action: "stop" });
    model.say(frame(2, { type: "run_end", finish_reason: "stopped" }));
    vi.advanceTimersByTime(5000);
    expect(interrupt).not.toHaveBeenCalled();
    expect(connection.stopping).toBe(false);
    expect(connection.store.state.status).toBe("stopped");
  });

  test("without an answer for a second the kernel is interrupted", () => {
    const { interrupt, connection } = running();
    connection.stop();
    vi.advanceTimersByTime(900);
    expect(interrupt).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(interrupt).toHaveBeenCalledOnce();
  });

  test("a run that ended by itself in time is not interrupted", () => {
    const { model, interrupt, connection } = running();
    connection.stop();
    model.say(frame(2, END));
    vi.advanceTimersByTime(5000);
    expect(interrupt).not.toHaveBeenCalled();
  });

  test("a deaf kernel is interrupted at once", () => {
    const { interrupt, connection } = running(true);
    connection.stop();
    expect(interrupt).toHaveBeenCalledOnce();
  });

  test("where a host cannot interrupt, a stop that is not heard is known as such", () => {
    for (const interruptible of [false, true]) {
      for (const widget_manager of [undefined, {}, { kernel: {} }]) {
        const { model, connection } = running(interruptible);
        Object.assign(model, { widget_manager });
        connection.stop();
        expect(connection.unheard).toBe(false);
        vi.advanceTimersByTime(1100);
        expect(connection.unheard).toBe(true);
        model.say({ kind: "ack", action: "stop" });
        expect(connection.unheard).toBe(false);
      }
    }
  });

  test("an ended run cannot be stopped", () => {
    const { model, connection } = running();
    model.say(frame(2, END));
    connection.stop();
    expect(model.sent).toEqual([]);
  });
});

// ── any channel ─────────────────────────────────────────────────────────────

/** A small fast random generator (mulberry32), so that a failing run can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Time that passes when the test says so. */
class Clock implements Timers {
  now = 0;
  #id = 0;
  #due = new Map<number, { at: number; callback: () => void }>();

  set(callback: () => void, milliseconds: number): unknown {
    this.#due.set(++this.#id, { at: this.now + milliseconds, callback });
    return this.#id;
  }

  clear(id: unknown): void {
    this.#due.delete(id as number);
  }

  /** Runs what is due next; false when nothing is, or when it is later than `limit`. */
  step(limit: number): boolean {
    let next: [number, { at: number; callback: () => void }] | undefined;
    for (const entry of this.#due) if (!next || entry[1].at < next[1].at) next = entry;
    if (!next || next[1].at > limit) return false;
    this.#due.delete(next[0]);
    this.now = next[1].at;
    next[1].callback();
    return true;
  }
}

interface Weather {
  loss: number;
  twice: number;
  late: number;
}

/** A kernel that numbers frames, answers hello, and beats; its messages travel through bad weather. */
function run(seed: number): { sent: Record<string, unknown>; seen: Record<string, unknown> } {
  const chance = random(seed);
  const clock = new Clock();
  const model = new FakeModel();
  const length = 1 + Math.floor(chance() * 25);
  const frames: WireEvent[][] = [];
  let weather: Weather = { loss: chance() * 0.7, twice: chance() * 0.3, late: chance() * 3000 };

  const deliver = (message: FromKernel): void => {
    if (chance() < weather.loss) return;
    const copies = chance() < weather.twice ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      clock.set(() => connection.receive(message), chance() * weather.late);
    }
  };
  const answer = (message: ToKernel): void => {
    if (message.kind !== "hello") return;
    const { have } = message;
    if (have >= frames.length && have > 0) {
      deliver({ kind: "beat", n: frames.length });
      return;
    }
    let after = chance() < 0.2 ? 0 : have;
    const pieces = chance() < 0.3;
    for (const end = frames.length; ; ) {
      const n = pieces ? Math.min(after + 1 + Math.floor(chance() * 5), end) : end;
      const events = frames.slice(after, n).flat();
      deliver({ kind: "frames", after, n, ...(n < end && { until: end }), events });
      if (n >= end) break;
      after = n;
    }
  };
  model.send = (message) => {
    if (chance() < weather.loss) return;
    clock.set(() => answer(message), chance() * weather.late);
  };
  const connection = new Connection(model, new AbortController().signal, clock);

  const sentStore = new Store();
  for (let n = 1; n <= length; n++) {
    clock.set(() => {
      const events = some(chance, n, length);
      frames.push(events);
      sentStore.apply(events);
      deliver({ kind: "frame", n, events });
    }, n * 33);
  }
  while (clock.step(length * 33 + 4000));
  weather = { loss: 0, twice: 0, late: 50 };
  while (clock.step(clock.now + 600_000) && !connection.store.ended);
  return { sent: toDict(sentStore), seen: toDict(connection.store) };
}

function some(chance: () => number, n: number, length: number): WireEvent[] {
  const events: WireEvent[] = n === 1 ? [START] : [];
  const block = Math.floor(chance() * 3);
  const kind = chance();
  if (kind < 0.6) events.push({ type: "text_delta", block, text: `${n} `, time: n });
  else if (kind < 0.7) events.push({ type: "thinking_delta", block, text: `t${n} `, time: n });
  else if (kind < 0.85) {
    events.push({ type: "tool_call_start", call_id: `c${n}`, block, name: "f", time: n });
    events.push({ type: "tool_call_delta", call_id: `c${n}`, arguments: "{}", time: n });
    events.push({ type: "tool_call_end", call_id: `c${n}`, arguments: {}, time: n });
  } else if (kind < 0.9) events.push({ type: "reset", block: 2, time: n });
  else events.push({ type: "warning", message: `w${n}`, time: n });
  if (n === length) events.push({ ...END, time: n + 1 });
  return events;
}

test("10,000 random runs through loss, doubling, reordering and delay end complete and equal", () => {
  for (let seed = 0; seed < 10_000; seed++) {
    const { sent, seen } = run(seed);
    if (JSON.stringify(seen) !== JSON.stringify(sent))
      expect({ seed, seen }).toEqual({ seed, seen: sent });
  }
}, 120_000);
