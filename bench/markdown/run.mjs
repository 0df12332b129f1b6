// Measures the markdown engines in Chromium: node run.mjs [--engine NAME]... [--text NAME]...
// --pairs N: only the total CPU of the 20k text, N rounds over the engines, as medians of the ratio to the
// first engine of the same round.
// Prints milliseconds of main thread, style, layout and paint included. Read ratios, not milliseconds.

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const tools = createRequire(new URL("../../js/package.json", import.meta.url));
const { build } = tools("esbuild");
const { chromium } = tools("playwright");

const FRAME = 32;
const FRAMES = 60;
/** An engine that needs longer than this for one measurement is stopped. */
const LIMIT = 120_000;

const { values } = parseArgs({
  options: {
    engine: { type: "string", multiple: true },
    text: { type: "string", multiple: true },
    "no-cpu": { type: "boolean" },
    pairs: { type: "string" },
    hostile: { type: "boolean" },
    screenshots: { type: "string" },
  },
});

const here = fileURLToPath(new URL(".", import.meta.url));
const built = await build({
  entryPoints: [`${here}page.ts`],
  bundle: true,
  format: "esm",
  minify: true,
  write: false,
  outdir: "out",
  loader: { ".txt": "text" },
  define: { "process.env.NODE_ENV": '"production"' },
  absWorkingDir: here,
  nodePaths: [`${here}node_modules`],
});
const css = await build({
  stdin: {
    contents: '@import "./dom/theme.css"; @import "./markdown/index.css";',
    resolveDir: fileURLToPath(new URL("../../js/src", import.meta.url)),
    loader: "css",
  },
  bundle: true,
  write: false,
});
const html = `<!doctype html><meta charset="utf-8"><style>${css.outputFiles[0].text}
body { margin: 0; font: 14px/1.6 system-ui; } .scroller-page { height: 100vh; overflow: auto; }
.scroller-page > div { max-width: 760px; margin: auto; }</style><script type="module" src="page.js"></script>`;
const server = createServer((request, response) => {
  const script = request.url === "/page.js";
  response.setHeader("content-type", script ? "text/javascript" : "text/html");
  response.end(script ? built.outputFiles.find(({ path }) => path.endsWith(".js")).contents : html);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/`;

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc"],
});

async function open() {
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(url);
  await page.waitForFunction("window.bench");
  const cdp = await page.context().newCDPSession(page);
  // Time the thread was running, so that other work on the machine counts for little.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () =>
    Object.fromEntries(
      (await cdp.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]),
    );
  return { page, cdp, metrics };
}

/** What `measure` returns for a page of its own; null where it does not finish in time. */
async function bounded(measure) {
  const opened = await open();
  const limit = setTimeout(() => opened.page.close(), LIMIT);
  try {
    return await measure(opened);
  } catch (error) {
    if (opened.page.isClosed()) return null;
    throw error;
  } finally {
    clearTimeout(limit);
    await opened.page.close();
  }
}

const shown = (value, digits) => value?.toFixed(digits) ?? "not finished";

/** Milliseconds a frame over the text's first and its last frames, the rest fed fast. */
async function atEnd({ page, cdp, metrics }, engine, text) {
  await page.evaluate(([e, t]) => window.bench.open(e, t), [engine, text]);
  const total = await page.evaluate((t) => window.bench.length(t), text);
  await cdp.send("HeapProfiler.collectGarbage");
  const heapBefore = (await metrics()).JSHeapUsedSize;
  const from = total - FRAMES * FRAME;
  const opening = await metrics();
  const first = await page.evaluate(
    ([to, size]) => window.bench.run(to, size),
    [FRAMES * FRAME, FRAME],
  );
  const opened = await metrics();
  await page.evaluate(
    ([to, size]) => window.bench.run(to, size),
    [from, Math.max(2_000, total / 60)],
  );
  await page.evaluate(([to, size]) => window.bench.run(to, size), [from + 10 * FRAME, FRAME]);
  const before = await metrics();
  const frames = await page.evaluate(([to, size]) => window.bench.run(to, size), [total, FRAME]);
  const after = await metrics();
  await cdp.send("HeapProfiler.collectGarbage");
  const heap = (await metrics()).JSHeapUsedSize - heapBefore;
  return {
    start: ((opened.TaskDuration - opening.TaskDuration) * 1000) / first,
    frame: ((after.TaskDuration - before.TaskDuration) * 1000) / frames,
    heap: heap / 1e6,
  };
}

/** Total CPU milliseconds of streaming a whole text at 32 characters a frame. */
async function total({ page, metrics }, engine, text) {
  await page.evaluate(([e, t]) => window.bench.open(e, t), [engine, text]);
  const before = await metrics();
  await page.evaluate((size) => window.bench.run(Infinity, size), FRAME);
  const after = await metrics();
  return (after.TaskDuration - before.TaskDuration) * 1000;
}

/** Elements taken out of the page while a text streams in at most 200 frames. */
async function removals({ page }, engine, text) {
  await page.evaluate(([e, t]) => window.bench.open(e, t), [engine, text]);
  const length = await page.evaluate((t) => window.bench.length(t), text);
  return page.evaluate((size) => window.bench.removals(size), Math.max(FRAME, length / 200));
}

const { page: first } = await open();
const names = await first.evaluate(() => ({
  engines: window.bench.engines,
  texts: window.bench.names,
  hostile: window.bench.hostile,
}));
await first.close();
const engines = values.engine ?? names.engines;
const texts = values.text ?? names.texts;

if (values.screenshots) {
  for (const scheme of ["light", "dark"]) {
    const { page } = await open();
    await page.evaluate((s) => window.bench.show(s), scheme);
    await page.screenshot({ path: `${values.screenshots}/${scheme}.png`, fullPage: true });
    await page.close();
  }
  await browser.close();
  process.exit();
}

if (values.hostile) {
  for (const engine of values.engine ?? ["nbstream"]) {
    for (const text of names.hostile) {
      const { page } = await open();
      const run = page.evaluate(([e, t]) => window.bench.longestStop(e, t), [engine, text]);
      const limit = new Promise((resolve) => setTimeout(resolve, 60_000, Number.NaN));
      console.log(engine, text, (await Promise.race([run, limit])).toFixed(0), "ms");
      await page.close();
    }
  }
  await browser.close();
  process.exit();
}

if (values.pairs) {
  const rounds = [];
  for (let round = 0; round < Number(values.pairs); round++) {
    const took = [];
    for (const engine of engines) {
      took.push((await bounded((opened) => total(opened, engine, "20k"))) ?? Number.NaN);
    }
    rounds.push(took);
  }
  const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  console.table(
    engines.map((engine, i) => ({
      engine,
      "CPU, 20k": median(rounds.map((took) => took[i])).toFixed(0),
      ratio: median(rounds.map((took) => took[i] / took[0])).toFixed(2),
    })),
  );
  await browser.close();
  process.exit();
}

const rows = [];
const removed = [];
for (const engine of engines) {
  const row = { engine };
  const out = { engine };
  for (const text of texts) {
    const took = await bounded((opened) => atEnd(opened, engine, text));
    row.start ??= shown(took?.start, 1);
    row[text] = shown(took?.frame, 1);
    if (text === "400k") row["heap MB, 400k"] = shown(took?.heap, 1);
    out[text] = shown(await bounded((opened) => removals(opened, engine, text)), 0);
  }
  if (!values["no-cpu"]) {
    row["CPU, 20k"] = shown(await bounded((opened) => total(opened, engine, "20k")), 0);
  }
  rows.push(row);
  removed.push(out);
  console.error(JSON.stringify(row), JSON.stringify(out));
}
console.log("Milliseconds of main thread a frame, at the start and at the end of each text");
console.table(rows);
console.log("Elements taken out of the page while each text streams");
console.table(removed);
await browser.close();
server.close();
