import type { WireEvent } from "../../src/protocol/events";
import type { Figures } from "../../src/protocol/metrics";

export const START: WireEvent = { type: "run_start", run_id: "r", model: "m" };
export const END: WireEvent = { type: "run_end", finish_reason: "stop", time: 2.5 };

export const METRICS: Partial<Figures> = {
  ttft: 0.5,
  elapsed: 2.5,
  output_tokens: 200,
  deltas: 200,
  token_source: "provider",
  tokens_per_second: 100,
};

/** Long enough for observers, timers of a frame, and the frame itself. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
}

/** How many pixels have about this colour, and between which columns. */
export function pixels(canvas: HTMLCanvasElement, [r, g, b]: number[], tolerance = 12) {
  const { data, width } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(
    0,
    0,
    canvas.width,
    canvas.height,
  );
  let [count, left, right] = [0, Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < data.length; i += 4) {
    if ((data[i + 3] as number) < 40) continue;
    const off = Math.max(
      Math.abs((data[i] as number) - (r as number)),
      Math.abs((data[i + 1] as number) - (g as number)),
      Math.abs((data[i + 2] as number) - (b as number)),
    );
    if (off > tolerance) continue;
    count += 1;
    const x = (i / 4) % width;
    left = Math.min(left, x);
    right = Math.max(right, x);
  }
  return { count, left, right };
}
