// Bundles the front end into nbstream/static/, and the JupyterLab extension into build/labextension/:
// `node build.mjs [--watch]`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../nbstream/static");
const lab = join(here, "../build/labextension");

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

/** Says in which file JupyterLab finds the extension: the name changes with what is in it. */
const describeExtension = {
  name: "package.json",
  setup(build) {
    build.onEnd((result) => {
      const [file] = Object.keys(result.metafile?.outputs ?? {});
      if (file === undefined) return;
      const _build = { load: `static/${basename(file)}`, extension: "./extension" };
      const version = readFileSync(join(here, "../nbstream/_version.py"), "utf8").match(
        /"(.+)"/,
      )[1];
      const about = { name: "nbstream", version, license: "BSD-3-Clause", jupyterlab: { _build } };
      writeFileSync(join(lab, "package.json"), `${JSON.stringify(about, null, 2)}\n`);
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
  {
    ...shared,
    entryPoints: { remoteEntry: "lab/index.ts" },
    entryNames: "[name].[hash]",
    outdir: join(lab, "static"),
    format: "iife",
    plugins: [printSizes, describeExtension],
  },
];

rmSync(lab, { recursive: true, force: true });
mkdirSync(lab, { recursive: true });

if (process.argv.includes("--watch")) {
  for (const options of builds) await (await context(options)).watch();
} else {
  await Promise.all(builds.map(build));
}
