import type { ListName } from "@minion/client";
import type { StoredKey } from "./list-store.js";

const listNames: readonly unknown[] = ["tools", "resources", "resourceTemplates", "prompts"] satisfies ListName[];
const known = new Map<string, StoredKey>();
const maxKnown = 1_000;

/**
 * What a key of the client's cache stands for: `[server, replica, hash of the principal or null, list, capabilities]` as
 * JSON. The name of the server is left out: it says nothing to other processes. Undefined for any other key.
 */
export function storedKey(key: string): StoredKey | undefined {
  const before = known.get(key);
  if (before !== undefined) return before;
  const found = parsed(key);
  if (found === undefined) return undefined;
  if (known.size >= maxKnown) known.clear();
  known.set(key, found);
  return found;
}

function parsed(key: string): StoredKey | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(key);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts)) return undefined;
  const [, replica, principal, list, capabilities]: readonly unknown[] = parts;
  if (typeof replica !== "number" || !(principal === null || typeof principal === "string") || !isListName(list))
    return undefined;
  return { list, replica, principal, capabilities };
}

function isListName(value: unknown): value is ListName {
  return listNames.includes(value);
}
