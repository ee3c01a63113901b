import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { renderReadme } from "./readme.js";
import type { Report } from "./report.js";
import { drawGrowth } from "./svg.js";

const home = new URL("../", import.meta.url);

/** Writes README.md, docs/results.json and docs/*.svg; pictures of an earlier run that nothing shows any more go. */
export async function writeReport(report: Report): Promise<void> {
  const docs = new URL("docs/", home);
  await mkdir(docs, { recursive: true });
  for (const file of await readdir(docs)) if (file.endsWith(".svg")) await rm(new URL(file, docs));
  for (const growth of report.cases.flatMap(({ growth }) => growth))
    await writeFile(new URL(`${growth.id}.svg`, docs), drawGrowth(growth));
  await writeFile(new URL("results.json", docs), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(new URL("README.md", home), renderReadme(report));
}
