/** The module of a piece of code. Nothing is fetched: the code came from the kernel. */
export async function evaluate(code: string): Promise<unknown> {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return await import(/* @vite-ignore */ url);
  } catch (error) {
    // A page may forbid blob: and allow data:.
    const data = `data:text/javascript;charset=utf-8,${encodeURIComponent(code)}`;
    return import(/* @vite-ignore */ data).catch(() => Promise.reject(error));
  } finally {
    URL.revokeObjectURL(url);
  }
}
