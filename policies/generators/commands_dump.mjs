// Print the command tree of @withfig/autocomplete as TSV: path, description, "D" where it is marked dangerous, subcommands.
// node commands_dump.mjs UNPACKED/package > commands.tsv
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const root = `${process.argv[2]}/build`;
const DEEPEST = 5;
fs.writeFileSync(`${root}/package.json`, '{"type":"module"}');

async function load(file) {
  try {
    return (await import(pathToFileURL(file))).default;
  } catch {
    return null;
  }
}

async function walk(spec, path, depth) {
  if (!spec || typeof spec !== "object" || depth > DEEPEST) return;
  const inner = spec.subcommands ?? [];
  const text = (spec.description ?? "").replace(/\s+/g, " ").slice(0, 200);
  process.stdout.write(`${[path, text, spec.isDangerous ? "D" : "", inner.length].join("\t")}\n`);
  for (const sub of inner) {
    const loaded = typeof sub.loadSpec === "string" ? await load(`${root}/${sub.loadSpec}.js`) : null;
    const merged = { ...sub, ...(loaded ?? {}) };
    const names = [sub.name].flat();
    // Other names of a branch would multiply everything below it.
    for (const name of merged.subcommands?.length ? names.slice(0, 1) : names) await walk(merged, `${path} ${name}`, depth + 1);
  }
}

for (const file of fs.readdirSync(root).filter((name) => name.endsWith(".js") && name !== "index.js").sort()) {
  const name = file.slice(0, -3);
  if (name !== "aws") await walk(await load(`${root}/${file}`), name, 0);
}
