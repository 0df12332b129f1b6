import type { Bundle } from "../protocol/frames";
import { evaluate } from "./evaluate";
import type { RuntimeModel } from "./runtime";

interface Runtime {
  default: { initialize(context: { model: RuntimeModel; signal: AbortSignal }): void };
}

/** Runs the front end that came from the kernel; `model` is whom it asks for more. */
export async function install(
  { code, css }: Bundle,
  model: RuntimeModel,
  signal: AbortSignal,
): Promise<void> {
  const id = `nbstream-${model.get("bundle")}`;
  if (document.getElementById(id) === null) {
    const style = document.createElement("style");
    style.id = id;
    style.textContent = css;
    document.head.append(style);
  }
  const runtime = (await evaluate(code)) as Runtime;
  if (!signal.aborted) runtime.default.initialize({ model, signal });
}
