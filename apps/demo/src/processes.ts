import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A running process below this one. */
export interface Process {
  readonly pid: number;
  readonly command: string;
}

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly command: () => string | undefined;
}

/** The processes below this one, its children's children included; none where the system has no `ps`. */
export async function descendants(): Promise<readonly Process[]> {
  const children = new Map<number, Entry[]>();
  // The page asks twice a second: to start `ps` for each costs more than the load does.
  for (const entry of process.platform === "linux" ? inProc() : await byPs())
    children.set(entry.parent, [...(children.get(entry.parent) ?? []), entry]);
  const found: Process[] = [];
  const below = (parent: number): void => {
    for (const { pid, command } of children.get(parent) ?? []) {
      const text = command();
      if (text !== undefined) found.push({ pid, command: text });
      below(pid);
    }
  };
  below(process.pid);
  return found;
}

function inProc(): Entry[] {
  const entries: Entry[] = [];
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : undefined;
    if (stat === undefined) continue;
    // The name of the program, in parentheses, may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const command = (): string | undefined => read(`/proc/${name}/cmdline`)?.replaceAll("\0", " ").trimEnd();
    entries.push({ pid: Number(name), parent, command });
  }
  return entries;
}

/** A file of /proc; undefined where the process has ended meanwhile. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

async function byPs(): Promise<Entry[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,args="], { maxBuffer: 16_777_216 }).catch(() => ({
    stdout: "",
  }));
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), command: () => command }];
  });
}
