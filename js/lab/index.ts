// The JupyterLab extension, for JupyterLab 4 and Notebook 7: it keeps the notebook's copy of an answer up to date
// in a page that was loaded after its cell had begun.
//
// Such a page no longer knows the cell's request, so JupyterLab drops what the kernel sends to renew its
// output. Nothing else of nbstream depends on this.
import { type Context, type Outputs, type Panel, renew, unfinished } from "./outputs";

interface App {
  docRegistry: {
    addWidgetExtension(
      name: "Notebook",
      extension: { createNew(panel: Panel, context: Context): Disposable },
    ): unknown;
  };
}

interface Disposable {
  readonly isDisposed: boolean;
  dispose(): void;
}

/** A view has come into the page; `ask` has the kernel send its saved forms. */
type Arrival = CustomEvent<{ uid: string; ask(): void }>;

/** How to ask for the saved forms of each view that has come. */
const views = new Map<string, () => void>();
/** What each notebook does when a view has come. */
const listeners = new Set<(uid: string) => void>();

function repair({ sessionContext }: Panel, { model, ready }: Context): Disposable {
  const outputs = (): Outputs[] => [...model.cells].flatMap((cell) => cell.outputs ?? []);
  /** What was not complete when the page was loaded. The kernel may have completed it before it was heard here. */
  const stale = new Set<string>();
  const ask = (uid: string) => {
    const send = views.get(uid);
    if (send && stale.delete(uid)) send();
  };
  void ready.then(() => {
    for (const uid of outputs().flatMap(unfinished)) stale.add(uid);
    for (const uid of stale) ask(uid);
  });
  listeners.add(ask);
  const heard: Parameters<Panel["sessionContext"]["iopubMessage"]["connect"]>[0] = (_, message) => {
    if (message.header.msg_type === "update_display_data") {
      for (const each of outputs()) renew(each, message.content);
    }
  };
  sessionContext.iopubMessage.connect(heard);
  let isDisposed = false;
  return {
    get isDisposed() {
      return isDisposed;
    },
    dispose() {
      isDisposed = true;
      listeners.delete(ask);
      sessionContext.iopubMessage.disconnect(heard);
    },
  };
}

const plugin = {
  id: "nbstream:repair",
  description: "Keeps the notebook's copy of an answer up to date after the page was reloaded.",
  autoStart: true,
  activate(app: App): void {
    document.addEventListener("nbstream:view", (event) => {
      const { uid, ask } = (event as Arrival).detail;
      views.set(uid, ask);
      for (const listener of listeners) listener(uid);
    });
    app.docRegistry.addWidgetExtension("Notebook", { createNew: repair });
  },
};

// What JupyterLab asks a prebuilt extension for. It shares no package with it, so there is nothing to begin with.
const page = globalThis as unknown as { _JUPYTERLAB?: Record<string, unknown> };
page._JUPYTERLAB ??= {};
page._JUPYTERLAB.nbstream = {
  init(): void {},
  async get() {
    return () => ({ __esModule: true, default: plugin });
  },
};
