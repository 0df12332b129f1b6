// What a page carries that holds one run: it is kernel and host to the same front end as in a notebook.
import { install } from "../host/install";
import type { RuntimeMessage, RuntimeModel } from "../host/runtime";
import type { ModuleName } from "../markdown";
import type { FromKernel, Snapshot } from "../protocol/frames";
import type { Model } from "../protocol/model";
import type { Options, StreamTraits } from "../protocol/traits";
import stub from "./stub";

/** What Python's page writer puts into the page. */
interface Saved extends Required<Pick<Snapshot, "events" | "metrics" | "samples">> {
  code: string;
  css: string;
  options: Options;
  parts: Partial<Record<ModuleName, string>>;
}

function show(saved: Saved, el: HTMLElement): void {
  const { code, css, parts, options, events, metrics, samples } = saved;
  const closed = new AbortController();
  const bundle = "saved";
  const hear: ((message: RuntimeMessage) => void)[] = [];
  const runtime: RuntimeModel = {
    get: () => bundle,
    on: (_, callback) => hear.push(callback),
    send(message) {
      if (message.kind === "ready" && events.at(-1)?.type !== "run_end") closed.abort();
      const name = message.kind === "part" ? message.name : undefined;
      const part = name && parts[name];
      if (part) for (const each of hear) each({ kind: "part", name, code: part });
    },
  };
  const traits: StreamTraits = {
    uid: "",
    bundle,
    runtime: "",
    children: [],
    status: "done",
    interruptible: false,
    snapshot: { n: 1, events, metrics, samples },
    options,
  };
  let tell: (message: FromKernel) => void = () => {};
  const model: Model = {
    get: (name) => traits[name],
    on(name, callback) {
      if (name === "msg:custom") tell = callback;
    },
    send({ kind }) {
      if (kind === "history") tell({ kind, events });
    },
  };
  const widget = stub();
  widget.initialize({ model, signal: closed.signal });
  widget.render({ el, signal: new AbortController().signal });
  void install({ kind: "bundle", code, css }, runtime, new AbortController().signal);
}

const run = document.getElementById("nbstream-run")?.textContent;
const el = document.querySelector("main");
if (run && el) show(JSON.parse(run), el);
