// The languages that come with the first load, and the names code blocks call them by. The rest
// come with the lazy module `languages`.

import { diff } from "@codemirror/legacy-modes/mode/diff";
import { javascript, json, typescript } from "@codemirror/legacy-modes/mode/javascript";
import { python } from "@codemirror/legacy-modes/mode/python";
import { r } from "@codemirror/legacy-modes/mode/r";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { html, xml } from "@codemirror/legacy-modes/mode/xml";
import { yaml } from "@codemirror/legacy-modes/mode/yaml";
import type { StreamParser } from "@codemirror/streamparser";

export type Languages = Readonly<Record<string, StreamParser<unknown>>>;

const core: Languages = { python, javascript, typescript, json, shell, yaml, html, xml, r, diff };

const ALIASES: Readonly<Record<string, string>> = {
  bash: "shell",
  "c++": "cpp",
  cc: "cpp",
  console: "shell",
  "c#": "csharp",
  cs: "csharp",
  docker: "dockerfile",
  golang: "go",
  h: "c",
  hpp: "cpp",
  hs: "haskell",
  htm: "html",
  ini: "properties",
  ipython: "python",
  jl: "julia",
  js: "javascript",
  jsonc: "json",
  jsonl: "json",
  jsx: "javascript",
  kt: "kotlin",
  latex: "tex",
  matlab: "octave",
  mjs: "javascript",
  mysql: "sql",
  patch: "diff",
  pgsql: "sql",
  pl: "perl",
  postgres: "sql",
  postgresql: "sql",
  ps1: "powershell",
  py: "python",
  python3: "python",
  pycon: "python",
  rb: "ruby",
  rs: "rust",
  rscript: "r",
  sh: "shell",
  sqlite: "sql",
  svg: "xml",
  ts: "typescript",
  tsx: "typescript",
  yml: "yaml",
  zsh: "shell",
};

/** Names the lazy module knows, so that it is not asked for in vain. */
const LAZY = new Set(
  (
    "c clojure cmake cpp csharp css dart dockerfile elm erlang fortran go groovy haskell java julia kotlin less lua " +
    "nginx objectivec ocaml octave pascal perl powershell properties protobuf ruby rust scala scheme scss sql " +
    "swift tex toml vb"
  ).split(" "),
);

let lazy: Languages = {};

export function addLanguages(more: Languages): void {
  lazy = more;
}

/** The tokenizer of a language; "lazy" where it is not loaded yet, null where there is none. */
export function findLanguage(name: string): StreamParser<unknown> | "lazy" | null {
  const lower = name.toLowerCase().replace(/^\{?\.?|\}$/g, "");
  const canonical = ALIASES[lower] ?? lower;
  if (Object.hasOwn(core, canonical)) return core[canonical] ?? null;
  if (Object.hasOwn(lazy, canonical)) return lazy[canonical] ?? null;
  return LAZY.has(canonical) ? "lazy" : null;
}
