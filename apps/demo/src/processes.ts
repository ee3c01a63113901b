import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A running process below this one. */
export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** The processes below this one, its children's children included; none where the system has no `ps`. */
export async function descendants(): Promise<readonly Process[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,args="], { maxBuffer: 16_777_216 }).catch(() => ({
    stdout: "",
  }));
  const children = new Map<number, Process[]>();
  for (const line of stdout.split("\n")) {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) continue;
    const siblings = children.get(Number(parent)) ?? [];
    siblings.push({ pid: Number(pid), command });
    children.set(Number(parent), siblings);
  }
  const found: Process[] = [];
  const below = (pid: number): void => {
    for (const child of children.get(pid) ?? []) {
      found.push(child);
      below(child.pid);
    }
  };
  below(process.pid);
  return found;
}
