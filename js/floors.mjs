// Holds the house of src/ up: `node floors.mjs`. Imports only go down, those of types and styles included, and
// never in a circle. A folder's own files stand above its sub-folders. No file is there that nobody imports.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The sub-folders of each folder that has any, the lowest first. */
const FLOORS = {
  "": ["protocol", "dom", "markdown", "run", "host", "chart", "views", "group", "entries"],
  markdown: ["inline", "code", "blocks", "draw", "lazy"],
};

/** What the build begins with. */
const ENTRIES = ["entries/", "markdown/lazy/", "chart/module.ts"];

const src = join(dirname(fileURLToPath(import.meta.url)), "src");
const found = readdirSync(src, { recursive: true, withFileTypes: true }).map((entry) => ({
  name: relative(src, join(entry.parentPath, entry.name)).split(sep).join("/"),
  folder: entry.isDirectory(),
}));
const files = new Set(found.filter(({ folder }) => !folder).map(({ name }) => name));
const faults = [...misplaced(), ...upward(), ...circles(), ...unused()];
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}

/** Folders that no floor is given to, and floors without a folder. */
function misplaced() {
  const folders = found.filter(({ folder }) => folder).map(({ name }) => name);
  const listed = Object.entries(FLOORS).flatMap(([parent, floors]) =>
    floors.map((floor) => (parent ? `${parent}/${floor}` : floor)),
  );
  return [
    ...folders.filter((name) => !listed.includes(name)).map((name) => `src/${name}: on no floor`),
    ...listed
      .filter((name) => !folders.includes(name))
      .map((name) => `src/${name}: no such folder`),
  ];
}

function upward() {
  const all = [...files].flatMap((file) => importsOf(file).map((target) => [file, target]));
  return all.filter(([file, target]) => rises(file, target)).map((pair) => pair.join(" imports "));
}

/** Whether `target` stands above `file`, or beside it in another folder. */
function rises(file, target) {
  const [from, to] = [file.split("/"), target.split("/")];
  let shared = 0;
  while (from[shared] === to[shared]) shared += 1;
  const floors = FLOORS[from.slice(0, shared).join("/")] ?? [];
  const floor = (path) =>
    path.length - 1 === shared ? floors.length : floors.indexOf(path[shared]);
  return floor(from) < floors.length && floor(from) <= floor(to);
}

function circles() {
  const done = new Set();
  const faults = [];
  const visit = (file, path) => {
    if (path.includes(file)) {
      faults.push(`a circle: ${[...path.slice(path.indexOf(file)), file].join(" → ")}`);
    } else if (!done.has(file)) {
      for (const target of importsOf(file)) visit(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of files) visit(file, []);
  return faults;
}

function unused() {
  const imported = new Set([...files].flatMap(importsOf));
  return [...files]
    .filter((file) => !imported.has(file) && !ENTRIES.some((entry) => file.startsWith(entry)))
    .map((file) => `src/${file}: nobody imports it`);
}

/** The files of src/ that a file imports: for what they do, for their types, or as styles. */
function importsOf(file) {
  const code = readFileSync(join(src, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const specifiers = code.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']*)["']/g);
  return [...specifiers].map(([, specifier]) => {
    const path = join(dirname(file), specifier).split(sep).join("/");
    const target = [path, `${path}.ts`, `${path}/index.ts`].find((each) => files.has(each));
    if (target === undefined) throw new Error(`src/${file} imports ${specifier}: not there`);
    return target;
  });
}
