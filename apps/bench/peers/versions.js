import { readFileSync } from "node:fs";

const packages = { "SDK v1": "@modelcontextprotocol/sdk", "SDK v2": "@modelcontextprotocol/client", minion: undefined };

/** The version that is installed here; ours has the one of the repository it stands in. */
export function versionOf(client) {
  if (client === "none") return "";
  const name = client in packages ? packages[client] : client;
  if (name === undefined) return "";
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
}
