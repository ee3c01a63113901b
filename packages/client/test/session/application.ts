import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { FaultSettings } from "@minion/chaos";
import { onTestFinished } from "vitest";
import type { OpenConnectionOptions } from "../../src/session/open-connection.js";
import { chaosStdio, survivors, until } from "./support.js";

const folder = fileURLToPath(new URL("../..", import.meta.url));
/** What `application.mjs` runs, as it was built: plain Node reads no TypeScript. */
const built = `${folder}dist/session/open-connection.js`;

/** The shells that watch over a process. */
export function reapersOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const stat = readFileSync(`/proc/${one}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return parent === pid && readFileSync(`/proc/${one}/cmdline`, "utf8").includes("minion-reaper");
      } catch {
        return false;
      }
    });
}

/** An application in a process of its own. */
export interface Application {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly lines: Record<string, unknown>[];
  readonly reapers: readonly number[];
  left(): number[];
}

/** Starts it with one session at a chaos server per entry of `faults`. */
export async function startApplication(faults: readonly FaultSettings[], end: string): Promise<Application> {
  const servers = faults.map((one) => chaosStdio({ faults: one, maxLifeMs: 60_000 }));
  const application = await startApplicationOf(
    servers.map(({ target }) => target),
    end,
  );
  return { ...application, left: () => servers.flatMap(({ journal }) => survivors(journal())) };
}

/** Starts it with one session per target. */
export async function startApplicationOf(
  targets: readonly OpenConnectionOptions["target"][],
  end: string,
): Promise<Omit<Application, "left">> {
  const json = JSON.stringify({ targets, end });
  const script = fileURLToPath(new URL("application.mjs", import.meta.url));
  // A group of its own, as a terminal gives to what it runs in the foreground.
  const child = spawn(process.execPath, ["--expose-gc", script, built, json], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const lines: Record<string, unknown>[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(JSON.parse(line)));
  const pid = child.pid ?? 0;
  await until(() => lines.length > 0 || child.exitCode !== null, `the application is ready ${stderr}`, 60_000);
  if (lines.length === 0) throw new Error(stderr);
  // It may already have ended, and with it what shows whose the shells were.
  const reapers = end === "wait" ? reapersOf(pid) : [];
  return { child, pid, lines, reapers };
}
