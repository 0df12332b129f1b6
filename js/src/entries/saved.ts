// What a page carries that holds one run: it is kernel and host to the same front end as in a notebook.
import { install } from "../host/install";
import type { RuntimeModel } from "../host/runtime";
import type { FromKernel, RuntimeMessage } from "../protocol/frames";
import type { SavedPage, StreamTraits } from "../protocol/traits";
import type { Model } from "../run/model";
import stub from "./stub";

function show(saved: SavedPage, el: HTMLElement): void {
  const { code, css, modules, options, events, metrics, samples } = saved;
  const closed = new AbortController();
  const bundle = "saved";
  const hear: ((message: RuntimeMessage) => void)[] = [];
  const runtime: RuntimeModel = {
    get: () => bundle,
    on: (_, callback) => hear.push(callback),
    send(message) {
      if (message.kind === "ready" && events.at(-1)?.type !== "run_end") closed.abort();
      if (message.kind !== "module") return;
      const { kind, name } = message;
      const code = modules[name];
      if (code) for (const each of hear) each({ kind, name, code });
    },
  };
  const traits: StreamTraits = {
    kind: "",
    uid: "",
    model: "",
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
