import type { Connection } from "../run/connection";
import type { WidgetView } from "./kind";

/** A view that moves is away for a moment. */
const PATIENCE = 5000;

interface Watched {
  readonly views: ReadonlySet<WidgetView>;
  /** Where a view was seen last. */
  home: { notebook: Element; cell: Element } | null;
  timer: number;
}

/**
 * Tells a stream when its last view has been taken out of a notebook that is still open, and when one is back.
 *
 * Only JupyterLab and Notebook keep what they show in the document as long as it can be seen; elsewhere, and
 * where the notebook itself is closed, nothing is said.
 */
export class Presence {
  #watched = new Map<Connection, Watched>();

  watch(connection: Connection, views: ReadonlySet<WidgetView>): void {
    if (connection.over || this.#watched.has(connection)) return;
    this.#watched.set(connection, { views, home: null, timer: 0 });
  }

  /** The page has changed: costs no more than a look at each running stream. */
  look(): void {
    for (const [connection, watched] of this.#watched) {
      if (connection.over) this.#forget(connection, watched);
      else if (isHere(watched)) this.#here(connection, watched);
      else if (watched.home && watched.timer === 0) this.#wait(connection, watched);
    }
  }

  #here(connection: Connection, watched: Watched): void {
    clearTimeout(watched.timer);
    watched.timer = 0;
    connection.visible = true;
    if (watched.home?.cell.isConnected) return;
    const view = [...watched.views].find(({ root }) => root.isConnected);
    const notebook = view?.root.closest(".jp-Notebook");
    const cell = view?.root.closest(".jp-Cell");
    if (notebook && cell) watched.home = { notebook, cell };
  }

  #wait(connection: Connection, watched: Watched): void {
    watched.timer = setTimeout(() => {
      watched.timer = 0;
      if (connection.over || isHere(watched)) return;
      if (document.hidden) this.#wait(connection, watched);
      else if (watched.home && wasTakenOut(watched.home)) connection.visible = false;
    }, PATIENCE) as unknown as number;
  }

  #forget(connection: Connection, watched: Watched): void {
    clearTimeout(watched.timer);
    this.#watched.delete(connection);
  }
}

function isHere({ views }: Watched): boolean {
  for (const { root } of views) if (root.isConnected) return true;
  return false;
}

/** Not where the notebook was closed, nor where the output is only folded away. */
function wasTakenOut({ notebook, cell }: { notebook: Element; cell: Element }): boolean {
  if (!notebook.isConnected) return false;
  return !cell.isConnected || cell.querySelector(".jp-OutputPlaceholder") === null;
}
