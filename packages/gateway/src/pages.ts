import { createHash } from "node:crypto";
import { isRecord } from "./is-record.js";
import { invalidParams } from "./rpc-error.js";

/** A page of a list, and the cursor of the next one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

/**
 * A page of a list. A cursor holds on every replica as long as the list is the same; after a change it is an error, so
 * that no entry is left out or comes twice.
 *
 * @throws ProtocolError -32602 for a cursor that is not one, or is of another list or of an older one
 */
export function pageOf<T extends object>(
  list: string,
  entries: readonly T[],
  cursor: unknown,
  size: number | undefined,
): Page<T> {
  if (size === undefined) {
    if (cursor !== undefined) throw badCursor();
    return { items: entries };
  }
  const version = versionOf(list, entries);
  const start = cursor === undefined ? 0 : startOf(cursor, version);
  if (start > 0 && start >= entries.length) throw badCursor();
  const end = start + size;
  const items = entries.slice(start, end);
  if (end >= entries.length) return { items };
  return { items, nextCursor: Buffer.from(JSON.stringify({ version, start: end })).toString("base64url") };
}

const versions = new WeakMap<readonly object[], string>();

/** The same for the same entries in the same order. */
function versionOf(list: string, entries: readonly object[]): string {
  const known = versions.get(entries);
  if (known !== undefined) return known;
  const version = createHash("sha256")
    .update(JSON.stringify([list, entries]))
    .digest("base64url")
    .slice(0, 16);
  versions.set(entries, version);
  return version;
}

function startOf(cursor: unknown, version: string): number {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(String(cursor), "base64url").toString("utf8"));
  } catch {
    throw badCursor();
  }
  if (!isRecord(value) || value.version !== version || !Number.isSafeInteger(value.start) || Number(value.start) < 1)
    throw badCursor();
  return Number(value.start);
}

function badCursor(): Error {
  return invalidParams("The cursor is not valid, or the list has changed. List again without a cursor.");
}
