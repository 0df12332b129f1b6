import { describe, expect, test } from "vitest";
import { DEFAULTS, type WireEvent } from "../../src/protocol/events";
import type { FromKernel } from "../../src/protocol/frames";
import { Connection } from "../../src/run/connection";
import { Store } from "../../src/run/store";
import { FakeModel } from "../fake_model";
import { toDict } from "./plain";

interface Case {
  name: string;
  events: WireEvent[];
  frames: FromKernel[];
  transcript: unknown;
}

const files = import.meta.glob<Case>("../../../tests/golden/*.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(files);

test("the cases are found and know every event type", () => {
  const seen = new Set(cases.flatMap((each) => each.events.map((event) => event.type)));
  for (const type of Object.keys(DEFAULTS)) expect(seen).toContain(type);
});

describe.each(cases)("$name", ({ events, frames, transcript }) => {
  test("events fold to the transcript", () => {
    const store = new Store();
    for (const event of events) store.apply([event]);
    expect(toDict(store)).toEqual(transcript);
  });

  test("the whole run said again folds to the same", () => {
    const store = new Store();
    store.apply(events.slice(0, 2));
    store.restart(events);
    expect(toDict(store)).toEqual(transcript);
  });

  test("frames fold to the same, whichever order they come in", () => {
    for (const order of [frames, [...frames].reverse(), [...frames, ...frames]]) {
      const connection = new Connection(new FakeModel(), new AbortController().signal);
      for (const frame of order) connection.receive(frame);
      expect(toDict(connection.store)).toEqual(transcript);
    }
  });
});
