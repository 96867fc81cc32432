// Budgets in gzipped bytes, over what the manifest of the last build says belongs together.
import { readFileSync } from "node:fs";

const folder = "../backend/easyflow/dashboard/static";
const manifest = JSON.parse(readFileSync(`${folder}/.vite/manifest.json`, "utf8"));
const keys = Object.keys(manifest);

const entry = closure(keys.find((key) => manifest[key].isEntry));
const routes = keys.filter((key) => /^src\/features\/.*Page\.tsx$/.test(key));
const path = (key) => `${folder}/${manifest[key].file}`;
const scripts = (set) => [...set].map(path).filter((file) => file.endsWith(".js"));
const beyondEntry = (key) => new Set([...closure(key)].filter((each) => !entry.has(each)));
const editor = keys.find((key) => key.endsWith("CodeEditorView.tsx"));
const overview = routes.find((key) => key.endsWith("OverviewPage.tsx"));

export default [
  { name: "entry", path: scripts(entry), limit: "190 kB", gzip: true },
  { name: "first view", path: scripts(new Set([...entry, ...closure(overview)])), limit: "220 kB", gzip: true },
  ...routes.map((key) => ({
    name: key.split("/").at(-1).replace(".tsx", ""),
    path: scripts(beyondEntry(key)),
    limit: "45 kB",
    gzip: true,
  })),
  ...(editor ? [{ name: "editor", path: scripts(beyondEntry(editor)), limit: "125 kB", gzip: true }] : []),
  { name: "all scripts", path: `${folder}/assets/*.js`, limit: "480 kB", gzip: true },
  { name: "styles", path: `${folder}/assets/*.css`, limit: "25 kB", gzip: true },
];

/** The chunk and everything it imports before it can run. */
function closure(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    for (const imported of manifest[key].imports ?? []) closure(imported, seen);
  }
  return seen;
}
