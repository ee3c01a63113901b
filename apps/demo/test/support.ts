import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** A running demo. */
export interface Demo {
  readonly child: ChildProcess;
  /** Resolves with the address of its page. */
  readonly url: Promise<string>;
  readonly exited: Promise<number | null>;
  /** What it has told the terminal so far. */
  output(): string;
}

/** Starts the built demo. */
export function startDemo(...args: readonly string[]): Demo {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const url = new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      output += text;
      const found = /Open {2}(http:\/\/127\.0\.0\.1:\d+\/)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("exit", (code) => reject(new Error(`The demo exited with ${code}:\n${output}`)));
  });
  url.catch(() => {});
  return { child, url, exited, output: () => output };
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

/** The rows of `ps`, or of /proc where there is one: the tests ask so often that starting `ps` would be most of their work. */
function processRows(): ProcessRow[] {
  if (!existsSync("/proc/self/stat"))
    return execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .map(([pid, parent, state = ""]) => ({ pid: Number(pid), parent: Number(parent), state }));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // The name of its program is in parentheses and may hold anything.
        const found = /^\d+ \(.*\) (\S) (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
        return [{ pid: Number(pid), parent: Number(found?.[2]), state: found?.[1] ?? "" }];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
}

/** The pids of all processes below `pid`. */
export function descendantsOf(pid: number): number[] {
  const rows = processRows();
  const found: number[] = [];
  const visit = (above: number): void => {
    for (const row of rows) {
      if (row.parent !== above) continue;
      found.push(row.pid);
      visit(row.pid);
    }
  };
  visit(pid);
  return found;
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  return processRows().some((row) => row.pid === pid && !row.state.startsWith("Z"));
}

/** Resolves once `condition` holds; rejects after `limitMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`After ${limitMs} ms still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Chromium as the system installs it, or undefined. */
export const chromiumPath: string | undefined = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => existsSync(path));
