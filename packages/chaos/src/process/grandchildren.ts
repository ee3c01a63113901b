import { type ChildProcess, spawn } from "node:child_process";
import type { Faults } from "../faults.js";
import type { Journal } from "../journal.js";

/**
 * Starts the processes that the faults ask for. Each ends by itself after `lifeMs`, whoever is left.
 *
 * @returns a function that kills them
 */
export function startGrandchildren(faults: Faults, lifeMs: number, journal: Journal): () => void {
  const children: ChildProcess[] = [];
  const start = (stdio: "ignore" | "inherit", detached: boolean): void => {
    const seconds = Math.ceil(Math.min(lifeMs, 86_400_000) / 1_000);
    // An ignored signal stays ignored in the program that takes the shell's place.
    const script = `${faults.ignoreTerm ? "trap '' TERM INT HUP; " : ""}exec sleep ${seconds}`;
    const child = spawn("/bin/sh", ["-c", script], { stdio, detached });
    child.on("error", (error) => process.stderr.write(`minion-chaos: no grandchild: ${error.message}\n`));
    child.unref();
    if (child.pid !== undefined) journal.write({ event: "grandchild", child: child.pid });
    children.push(child);
  };
  if (faults.grandchild) start("ignore", false);
  if (faults.grandchildInherit) start("inherit", false);
  if (faults.grandchildSession) start("ignore", true);
  return () => {
    for (const child of children) child.kill("SIGKILL");
  };
}
