import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { npmInstall } from "./support.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The program of each version of Node that a user may have. */
    nodes: readonly string[];
  }
}

let home = "";

/** Fetches the other versions of Node, once for all test files. */
export async function setup({ provide }: TestProject): Promise<void> {
  home = await mkdtemp(join(tmpdir(), "minion-nodes-"));
  const name = `node-${process.platform}-${process.arch}`;
  const found = [22, 24].map(async (major) => {
    const prefix = join(home, String(major));
    await mkdir(prefix);
    await npmInstall(prefix, `${name}@${major}`);
    return join(prefix, "node_modules", name, "bin", "node");
  });
  provide("nodes", [process.execPath, ...(await Promise.all(found))]);
}

export const teardown = (): Promise<void> => rm(home, { recursive: true, force: true });
