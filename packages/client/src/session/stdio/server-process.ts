import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { StdioServer } from "../../config/server-config.js";
import { forget } from "../quietly.js";
import { defaultEnvironment } from "./default-environment.js";
import { cookieName, nextCookie, withCookie } from "./process-cookie.js";
import { familyOf, type ProcessEntry, readProcessTable, readStat } from "./process-table.js";
import { reaper } from "./reaper.js";
import { windowsCommand } from "./windows-command.js";

/** What is left of the processes when the server itself is gone gets this long to end by itself. */
const lingerMs = 200;
const longestPauseMs = 50;

/**
 * A server's process and everything it starts. It leads a session of its own, so that a signal to its group reaches
 * what it started; what left the group is found by parent ids, and remembered, since orphans cannot be found.
 */
export class ServerProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when it runs; rejects with what kept it from running. */
  readonly started: Promise<void>;
  readonly #cookie = nextCookie();
  /** When it started, where the system tells. */
  #startedAt = 0;
  readonly #readTable: () => Promise<ProcessEntry[]>;
  readonly #relatives = new Map<number, string>();
  #isGone = false;
  #ending: Promise<void> | undefined;

  constructor(server: StdioServer, readTable: () => Promise<ProcessEntry[]> = readProcessTable) {
    this.#readTable = readTable;
    reaper.prepare();
    const env = { ...defaultEnvironment(isWindows()), ...server.env, [cookieName]: this.#cookie };
    const { command, args, isVerbatim } = isWindows()
      ? windowsCommand(server.command, server.args ?? [], process.env)
      : { command: server.command, args: server.args ?? [], isVerbatim: false };
    try {
      this.child = spawn(command, [...args], {
        cwd: server.cwd,
        env,
        stdio: ["pipe", "pipe", "pipe"],
        detached: !isWindows(),
        windowsHide: true,
        windowsVerbatimArguments: isVerbatim,
      });
    } catch (error) {
      // What is wrong with the working directory is thrown, unless it is not there.
      throw error instanceof Error ? explained(error, server) : error;
    }
    this.started = new Promise((resolve, reject) => {
      this.child.once("spawn", resolve);
      this.child.on("error", (error) => reject(explained(error, server)));
    });
    forget(this.started);
    const { pid } = this.child;
    if (pid !== undefined) {
      this.#startedAt = Number(readStat(String(pid))?.startedAt ?? 0);
      reaper.add(pid);
    } else {
      this.#isGone = true;
      reaper.rest();
    }
  }

  /** Without descriptors the system gives no pipes either, whatever the type says. */
  get hasPipes(): boolean {
    const { stdin }: { readonly stdin: Writable | null | undefined } = this.child;
    return stdin !== undefined && stdin !== null;
  }

  /** Looks for descendants outside the group, while their parents are there to find them by. */
  async remember(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined || isWindows() || this.#isGone) return;
    for (const entry of await this.#family(pid)) {
      this.#relatives.set(entry.pid, entry.startedAt);
      // A group of its own, which the reaper has to know by itself.
      if (entry.pid === entry.group && entry.pid !== pid) reaper.add(entry.pid, entry.startedAt);
    }
  }

  /**
   * Ends the process and all its descendants: end of input, then SIGTERM, then SIGKILL, the last in time for all to
   * be gone within `withinMs`. A hasty end skips the wait after the end of input. Never rejects.
   */
  end(withinMs: number, options: { readonly hasty: boolean }): Promise<void> {
    this.#ending ??= this.#end(withinMs, options.hasty).finally(() => this.#settle());
    return this.#ending;
  }

  async #end(withinMs: number, hasty: boolean): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined) return;
    const startedAt = performance.now();
    if (isWindows()) return this.#endOnWindows(pid, withinMs);
    await this.remember();
    this.child.stdin.end();
    if (!hasty && (await this.#waitUntilGone(pid, startedAt + withinMs * 0.4, true))) return;
    await this.#signal(pid, "SIGTERM");
    if (await this.#waitUntilGone(pid, startedAt + withinMs * 0.8, false)) return;
    // A process may fork between being found and being signalled: all are stopped first, until no further one is found.
    do {
      await this.#freeze(pid, startedAt + withinMs);
      await this.#signal(pid, "SIGKILL");
    } while (
      !(await this.#waitUntilGone(pid, performance.now() + 50, false)) &&
      performance.now() < startedAt + withinMs
    );
  }

  #settle(): void {
    this.#isGone = true;
    const { pid, stdin, stdout, stderr } = this.child;
    if (this.hasPipes) for (const stream of [stdin, stdout, stderr]) stream.destroy();
    for (const relative of this.#relatives.keys()) reaper.remove(relative);
    if (pid !== undefined) reaper.remove(pid);
  }

  async #family(pid: number): Promise<ProcessEntry[]> {
    const table = await this.#readTable();
    if (table.some((entry) => entry.pid === process.pid)) {
      const known = new Map(this.#relatives);
      for (const { pid, startedAt } of await withCookie(this.#cookie, table, this.#startedAt))
        known.set(pid, startedAt);
      return familyOf(pid, table, known);
    }
    // The process table cannot be read (no file descriptors, no `ps`): the processes known so far are ended.
    return send(-pid, 0) ? [{ pid, parent: process.pid, group: pid, session: pid, startedAt: "" }] : [];
  }

  /** Stops every process of the tree, so that none of them can start another. */
  async #freeze(pid: number, until: number): Promise<void> {
    const stopped = new Set<number>();
    do {
      const fresh = (await this.#family(pid)).filter((member) => !stopped.has(member.pid));
      if (fresh.length === 0) return;
      for (const member of fresh) {
        stopped.add(member.pid);
        this.#relatives.set(member.pid, member.startedAt);
        send(member.pid, "SIGSTOP");
      }
    } while (performance.now() < until);
  }

  async #signal(pid: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const family = await this.#family(pid);
    for (const { pid: member, startedAt } of family) this.#relatives.set(member, startedAt);
    send(-pid, signal);
    for (const member of family) if (member.group !== pid) send(member.pid, signal);
  }

  async #waitUntilGone(pid: number, until: number, isPatient: boolean): Promise<boolean> {
    let deadline = until;
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const hasExited = this.child.exitCode !== null || this.child.signalCode !== null;
      if (isPatient && hasExited) deadline = Math.min(deadline, performance.now() + lingerMs);
      if (hasExited && (!this.#answers(pid) || pauseMs === longestPauseMs) && (await this.#family(pid)).length === 0)
        return true;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return false;
      await this.#exitOr(Math.min(pauseMs, leftMs), hasExited);
    }
  }

  /** Whether anybody known can be signalled; that zombies can, too, only a look at the table tells. */
  #answers(pid: number): boolean {
    return send(-pid, 0) || [...this.#relatives.keys()].some((relative) => send(relative, 0));
  }

  #exitOr(ms: number, hasExited: boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.child.off("exit", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (!hasExited) this.child.on("exit", done);
    });
  }

  /** There are no groups: the tree is found by parent ids, by a program of the system. */
  async #endOnWindows(pid: number, withinMs: number): Promise<void> {
    this.child.stdin.end();
    await this.#exitOr(withinMs * 0.4, this.child.exitCode !== null);
    await new Promise<void>((resolve) => {
      execFile("taskkill", ["/pid", String(pid), "/T", "/F"], { timeout: withinMs * 0.6 }, () => resolve());
    });
  }
}

/** What cannot be started, in words that name what is missing: the system tells of the program, whatever it is. */
function explained(error: Error, { command, cwd }: StdioServer): Error {
  const code = "code" in error ? error.code : undefined;
  const problem =
    cwd !== undefined && !isDirectory(cwd)
      ? `its working directory ${cwd} ${troubleWith(cwd, code)}`
      : code === "ENOENT" &&
        isAbsolute(command) &&
        existsSync(command) &&
        `${command} names a program in its first line that does not exist`;
  return problem ? Object.assign(new Error(problem, { cause: error }), { code }) : error;
}

function troubleWith(cwd: string, code: unknown): string {
  if (existsSync(cwd)) return "is not a directory";
  return code === "EACCES" ? "may not be entered" : "does not exist";
}

/** Never throws, since it is asked where an event is heard: a folder above may be a file, or closed to this user. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isWindows(): boolean {
  return process.platform === "win32";
}

/** Whether there was somebody to signal. */
function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}
