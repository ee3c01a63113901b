import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ProcessEntry } from "./process-table.js";

/** The variable by which the processes of a server are known, also those whose parent is gone. */
export const cookieName = "MINION_SERVER";

/** What all servers of this process have in theirs. */
export const applicationCookie: string = `minion-${randomUUID()}`;

const readsPerTurn = 50;
let count = 0;

/** The cookie of one more server. Where this process belongs to a server itself, its children belong to that one too. */
export function nextCookie(): string {
  count += 1;
  const outer = process.env[cookieName];
  return `${outer === undefined ? "" : `${outer} `}${applicationCookie}-${count};`;
}

/**
 * Those processes of `table` that were started with this cookie and not before `startedAt`. Only Linux tells; there it is
 * a read for each process that is younger than the server.
 */
export async function withCookie(
  cookie: string,
  table: readonly ProcessEntry[],
  startedAt: number,
): Promise<ProcessEntry[]> {
  if (process.platform !== "linux") return [];
  const found: ProcessEntry[] = [];
  let reads = 0;
  for (const entry of table) {
    if (Number(entry.startedAt) < startedAt || entry.pid === process.pid) continue;
    if (hasCookie(entry.pid, cookie)) found.push(entry);
    reads += 1;
    if (reads % readsPerTurn === 0) await new Promise(setImmediate);
  }
  return found;
}

/** Others' processes cannot be read, and are not ours. */
function hasCookie(pid: number, cookie: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(cookie);
  } catch {
    return false;
  }
}
