import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";

/** Where and with what the figures were taken. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  /** Name to version of everything that was compared. */
  readonly versions: Readonly<Record<string, string>>;
}

const compared = [
  "@modelcontextprotocol/sdk",
  "@modelcontextprotocol/client",
  "cockatiel",
  "opossum",
  "generic-pool",
  "tarn",
  "lightning-pool",
  "lru-cache",
  "prom-client",
  "mitata",
];

export function describeMachine(now: Date = new Date()): Machine {
  const [core] = cpus();
  return {
    date: now.toISOString().slice(0, 10),
    cpu: core?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    versions: Object.fromEntries(compared.map((name) => [name, versionOf(name)])),
  };
}

/** The version of an installed package, whatever its `exports` allow. */
export function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const manifest: { version?: string } = JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8"));
      if (manifest.version !== undefined) return manifest.version;
    } catch {
      // Not in this folder: node looks in the next one up too.
    }
  }
  return "not installed";
}
