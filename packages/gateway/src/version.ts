import { readFileSync } from "node:fs";

/** The version of this package; where it was bundled into another its package.json is not there. */
export const version: string = readVersion();

function readVersion(): string {
  // A literal in its place below is what Vite would put the whole file into a bundle for.
  const manifest = "../package.json";
  try {
    const { version: own } = JSON.parse(readFileSync(new URL(manifest, import.meta.url), "utf8"));
    return String(own);
  } catch {
    return "0.0.0";
  }
}
