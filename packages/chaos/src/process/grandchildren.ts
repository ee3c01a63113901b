import { type ChildProcess, spawn } from "node:child_process";
import type { Faults } from "../faults.js";
import type { Journal } from "../journal.js";

/**
 * Starts the processes that the faults ask for. Each ends by itself after `lifeMs`, whoever is left.
 *
 * @param journalFile where a child that starts further ones writes them down by itself
 * @returns a function that kills them
 */
export function startGrandchildren(
  faults: Faults,
  lifeMs: number,
  journal: Journal,
  journalFile: string | undefined,
): () => void {
  const children: ChildProcess[] = [];
  const daemons: number[] = [];
  const seconds = Math.ceil(Math.min(lifeMs, 86_400_000) / 1_000);
  const note = (child: number): void => journal.write({ event: "grandchild", child });
  const start = (script: string, stdio: "ignore" | "inherit", detached: boolean): void => {
    const env = { ...process.env, CHAOS_JOURNAL: journalFile ?? "/dev/null" };
    const child = spawn("/bin/sh", ["-c", script], { stdio, detached, env });
    child.on("error", (error) => process.stderr.write(`minion-chaos: no grandchild: ${error.message}\n`));
    child.unref();
    if (child.pid !== undefined) note(child.pid);
    children.push(child);
  };
  // An ignored signal stays ignored in the program that takes the shell's place.
  const sleeper = `${faults.ignoreTerm ? "trap '' TERM INT HUP; " : ""}exec sleep ${seconds}`;
  if (faults.grandchild) start(sleeper, "ignore", false);
  if (faults.grandchildInherit) start(sleeper, "inherit", false);
  if (faults.grandchildSession) start(sleeper, "ignore", true);
  if (faults.grandchildForks) start(forkingScript(seconds), "ignore", false);
  if (faults.daemon) {
    startDaemon(seconds, (pid) => {
      note(pid);
      daemons.push(pid);
    });
  }
  return () => {
    for (const child of children) child.kill("SIGKILL");
    for (const pid of daemons) kill(pid);
  };
}

/** A child ten times a second, each for five seconds; at each signal one for as long as the server itself may live. */
function forkingScript(seconds: number): string {
  const line = `{"event":"grandchild","child":%s,"at":%s000,"pid":${process.pid}}\\n`;
  return [
    `more() { sleep "$1" & printf '${line}' "$!" "$(date +%s)" >> "$CHAOS_JOURNAL"; }`,
    `trap 'more ${seconds}' TERM INT HUP`,
    "count=0",
    `while [ "$count" -lt ${seconds * 10} ]; do count=$((count + 1)); more 5; sleep 0.1; done`,
  ].join("\n");
}

/** A process in a session of its own whose parent has ended: nothing leads from the server to it. */
function startDaemon(seconds: number, found: (pid: number) => void): void {
  const parent = spawn("/bin/sh", ["-c", `sleep ${seconds} > /dev/null 2>&1 & echo "$!"`], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  parent.on("error", (error) => process.stderr.write(`minion-chaos: no daemon: ${error.message}\n`));
  parent.stdout.once("data", (text: Buffer) => found(Number(text.toString("utf8"))));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
