import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { PeersReport } from "./peers-readme.js";
import { renderReadme } from "./readme.js";
import type { Report } from "./report.js";
import { drawGrowth } from "./svg.js";

const home = new URL("../", import.meta.url);
const docs = new URL("docs/", home);

/** Writes docs/results.json, docs/*.svg and README.md; pictures of an earlier run that nothing shows any more go. */
export async function writeReport(report: Report): Promise<void> {
  await mkdir(docs, { recursive: true });
  for (const file of await readdir(docs)) if (file.endsWith(".svg")) await rm(new URL(file, docs));
  for (const growth of report.cases.flatMap((found) => found.growth))
    await writeFile(new URL(`${growth.id}.svg`, docs), drawGrowth(growth));
  await writeFile(new URL("results.json", docs), `${JSON.stringify(report, null, 2)}\n`);
  await writeReadme();
}

/** Writes README.md out of what the last runs left in docs. */
export async function writeReadme(): Promise<void> {
  const report = await readJson<Report>("results.json");
  if (report === undefined) throw new Error("there is no docs/results.json yet: run the bench with --write first");
  await writeFile(new URL("README.md", home), renderReadme(report, await readJson<PeersReport>("peers.json")));
}

async function readJson<T>(name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(new URL(name, docs), "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
