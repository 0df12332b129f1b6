import { batch } from "../group/batch";
import { comparison } from "../group/comparison";
import { chart } from "../group/feed";
import { table } from "../group/rows";
import type { WidgetKind as Kind } from "../host/kind";
import type { LoadModule } from "../markdown";
import type { WidgetKind } from "../protocol/traits";
import { stream } from "../views/stream";

/** What a widget is, by its trait `kind`; a stream's widget has none. */
export function widgetKinds(loadModule: LoadModule): (kind: unknown) => Kind {
  const one = stream(loadModule);
  const others = new Map<WidgetKind, Kind>([
    ["group", comparison(loadModule)],
    ["batch", batch],
    ["chart", chart(loadModule)],
    ["table", table],
  ]);
  return (kind) => others.get(kind as WidgetKind) ?? one;
}
