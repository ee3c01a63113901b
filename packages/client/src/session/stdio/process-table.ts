import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const readsPerTurn = 100;

/** One process as the system sees it. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** The session, where the system tells it; otherwise the group once more. */
  readonly session: number;
  /** When it started, in whatever form: tells a process from a later one with the same id. */
  readonly startedAt: string;
}

/** Every process that is alive; zombies are not. Without this process in it, the table could not be read. */
export async function readProcessTable(folder = "/proc"): Promise<ProcessEntry[]> {
  return process.platform === "linux" ? readProc(folder) : readPs();
}

/**
 * Those processes of `table` that belong to a process `root` which leads a session: its descendants, what is in its
 * group or session, and the same of each of them. `known` are further members from an earlier look. The shell of reaper.ts
 * does the same once the application has ended: what changes here changes there too.
 */
export function familyOf(
  root: number,
  table: readonly ProcessEntry[],
  known: ReadonlyMap<number, string>,
): ProcessEntry[] {
  const ids = new Set([root]);
  for (const { pid, startedAt } of table) if (known.get(pid) === startedAt) ids.add(pid);
  const belongs = (entry: ProcessEntry): boolean =>
    ids.has(entry.pid) || ids.has(entry.parent) || ids.has(entry.group) || ids.has(entry.session);
  for (let size = 0; size < ids.size; ) {
    size = ids.size;
    for (const entry of table) if (belongs(entry)) ids.add(entry.pid);
  }
  return table.filter((entry) => ids.has(entry.pid));
}

/** Read at once, which costs a fifth of reading behind the scenes, but with turns between so that nobody waits long. */
async function readProc(folder: string): Promise<ProcessEntry[]> {
  const entries: (ProcessEntry | undefined)[] = [];
  for (const name of namesIn(folder)) {
    if (!/^\d+$/.test(name)) continue;
    entries.push(readStat(name));
    if (entries.length % readsPerTurn === 0) await new Promise(setImmediate);
  }
  return entries.filter((entry) => entry !== undefined);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** One process of /proc; undefined where it has ended meanwhile. */
export function readStat(pid: string): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/** The name, second in the line and in parentheses, may hold anything. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const pid = Number.parseInt(stat, 10);
  const [state, parent, group, session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startedAt = rest[15];
  if (state === "Z" || state === "X" || startedAt === undefined) return undefined;
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), startedAt };
}

function readPs(): Promise<ProcessEntry[]> {
  return new Promise((resolve) => {
    execFile(
      "ps",
      ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="],
      { env: { LC_ALL: "C", PATH: "/usr/bin:/bin" } },
      (_error, stdout) => resolve(stdout.split("\n").flatMap(parsePsLine)),
    );
  });
}

/** A line of `ps -o pid=,ppid=,pgid=,stat=,lstart=`. */
export function parsePsLine(line: string): ProcessEntry[] {
  const [pid, parent, group, state, ...startedAt] = line.trim().split(/\s+/);
  if (state === undefined || state.startsWith("Z")) return [];
  const leader = Number(group);
  return [{ pid: Number(pid), parent: Number(parent), group: leader, session: leader, startedAt: startedAt.join(" ") }];
}
