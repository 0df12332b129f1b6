// Bundles the front end into nbstream/static/: `node build.mjs [--watch]`.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../nbstream/static");

/** What is not in the first load. */
const modules = {
  chart: "chart/module",
  languages: "markdown/lazy/languages",
  math: "markdown/lazy/math",
};

const printSizes = {
  name: "sizes",
  setup(build) {
    build.onEnd((result) => {
      for (const file of Object.keys(result.metafile?.outputs ?? {})) {
        const bytes = readFileSync(join(here, file));
        const kb = (n) => `${(n / 1000).toFixed(1)} kB`;
        console.log(`${basename(file)}  ${kb(bytes.length)}  gzip ${kb(gzipSync(bytes).length)}`);
      }
    });
  },
};

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  metafile: true,
  charset: "utf8",
  target: "es2022",
  logLevel: "warning",
  plugins: [printSizes],
};

const builds = [
  {
    ...shared,
    entryPoints: ["src/entries/index.ts"],
    outfile: join(out, "nbstream.js"),
    format: "esm",
  },
  {
    ...shared,
    entryPoints: ["src/entries/loader.ts"],
    outfile: join(out, "loader.js"),
    format: "esm",
  },
  { ...shared, entryPoints: ["src/entries/stub.ts"], outfile: join(out, "stub.js"), format: "esm" },
  {
    ...shared,
    entryPoints: ["src/entries/whole.ts"],
    outfile: join(out, "whole.js"),
    format: "esm",
  },
  {
    ...shared,
    entryPoints: ["src/entries/saved.ts"],
    outfile: join(out, "saved.js"),
    format: "iife",
  },
  ...Object.entries(modules).map(([name, entry]) => ({
    ...shared,
    entryPoints: [`src/${entry}.ts`],
    outfile: join(out, `module-${name}.js`),
    format: "esm",
  })),
  { ...shared, entryPoints: ["src/entries/nbstream.css"], outfile: join(out, "nbstream.css") },
];

if (process.argv.includes("--watch")) {
  for (const options of builds) await (await context(options)).watch();
} else {
  await Promise.all(builds.map(build));
}
