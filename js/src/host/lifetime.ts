/** What a host's signal ends, or its call of the cleanup function: older hosts have no signal. */
export function lifetime(signal: AbortSignal | undefined): [AbortSignal, () => void] {
  const controller = new AbortController();
  const end = () => controller.abort();
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) end();
  return [controller.signal, end];
}
