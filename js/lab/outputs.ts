/** A notebook's outputs, as far as JupyterLab's models are used here. */
export type Data = Record<string, unknown>;

export interface Outputs {
  readonly length: number;
  get(index: number): { readonly data: Data };
  set(index: number, output: Data): void;
}

export interface Panel {
  sessionContext: { iopubMessage: Signal<{ header: { msg_type: string }; content: Update }> };
}

interface Signal<Message> {
  connect(slot: (sender: unknown, message: Message) => void): unknown;
  disconnect(slot: (sender: unknown, message: Message) => void): unknown;
}

export interface Context {
  ready: Promise<void>;
  model: { cells: Iterable<{ outputs?: Outputs }> };
}

/** What the kernel sends to renew an output. */
export interface Update {
  data?: Data;
  metadata?: Data;
}

const HTML = "text/html";

/** The opening tag of saved html. */
function mark(data: Data | undefined): string {
  const html = data?.[HTML];
  const text = Array.isArray(html) ? html.join("") : String(html ?? "");
  return text.match(/<div class="nbstream-static"[^>]*>/)?.[0] ?? "";
}

function uidOf(data: Data | undefined): string | undefined {
  return mark(data).match(/ data-nbstream="([^"]+)"/)?.[1];
}

function all(outputs: Outputs): Data[] {
  return Array.from({ length: outputs.length }, (_, index) => outputs.get(index).data);
}

/** The runs whose copy in these outputs is not complete. */
export function unfinished(outputs: Outputs): string[] {
  return all(outputs)
    .filter((data) => mark(data).includes(' data-status="running"'))
    .flatMap((data) => uidOf(data) ?? []);
}

/** Takes what the kernel sends for a run into the output that shows it, unless JupyterLab did so already. */
export function renew(outputs: Outputs, { data = {}, metadata = {} }: Update): void {
  const uid = uidOf(data);
  if (uid === undefined) return;
  for (const [index, old] of all(outputs).entries()) {
    const same = Object.keys({ ...old, ...data }).every((mime) => old[mime] === data[mime]);
    if (uidOf(old) === uid && !same) {
      outputs.set(index, { output_type: "display_data", data, metadata });
    }
  }
}
