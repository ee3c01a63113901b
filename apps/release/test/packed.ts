import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packages, pnpmCommand, root, run } from "./support.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The tarball of each package, by its name. */
    tarballs: Readonly<Record<string, string>>;
  }
}

let into = "";

/** Packs every package as it would be published, once for all test files. */
export async function setup({ provide }: TestProject): Promise<void> {
  into = await mkdtemp(join(tmpdir(), "minion-tarballs-"));
  const [command, ...args] = pnpmCommand;
  const names = [...packages, "adapters"];
  const filters = names.map((name) => `--filter=@minion/${name}`);
  await run(command, [...args, "--recursive", ...filters, "pack", "--pack-destination", into], { cwd: root });
  const files = await readdir(into);
  const tarballs = names.map((name) => {
    const file = files.find((candidate) => candidate.startsWith(`minion-${name}-`));
    if (file === undefined) throw new Error(`${name} was not packed: ${files.join(", ")}`);
    return [name, join(into, file)] as const;
  });
  provide("tarballs", Object.fromEntries(tarballs));
}

export const teardown = (): Promise<void> => rm(into, { recursive: true, force: true });
