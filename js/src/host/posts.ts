import type { FromKernel } from "../protocol/frames";

const MAX_UIDS = 64;
const MAX_MESSAGES = 64;
const PATIENCE = 30_000;

/**
 * Messages for widgets that have not come yet: their models load when the host gets to it.
 *
 * What does not fit or waits too long is lost, as any message may be: a stream asks for what it misses.
 */
export class Posts {
  /** The oldest first. */
  #waiting = new Map<string, { since: number; messages: FromKernel[] }>();

  keep(uid: string, message: FromKernel): void {
    const now = performance.now();
    for (const [old, { since }] of this.#waiting) {
      const room = this.#waiting.size < MAX_UIDS || this.#waiting.has(uid);
      if (room && now - since < PATIENCE) break;
      this.#waiting.delete(old);
    }
    const waiting = this.#waiting.get(uid) ?? { since: now, messages: [] };
    this.#waiting.set(uid, waiting);
    if (waiting.messages.length < MAX_MESSAGES) waiting.messages.push(message);
  }

  take(uid: string): FromKernel[] {
    const waiting = this.#waiting.get(uid);
    this.#waiting.delete(uid);
    const late = waiting === undefined || performance.now() - waiting.since >= PATIENCE;
    return late ? [] : waiting.messages;
  }
}
