import type { Conductor, Host } from "./conductor.js";
import { DeadMan } from "./dead-man.js";
import { startGrandchildren } from "./grandchildren.js";
import { readJournal } from "./journal.js";
import { floodStderr, lastWords } from "./stdio-output.js";

/** What a transport contributes to the host of its process. */
export type EndpointHost = Omit<Host, "ownsProcess" | "crash" | "spin"> & { readonly isBusy: boolean };

/** What came of the arguments that concern the process. */
export interface ProcessSetup {
  readonly conductor: Conductor;
  readonly journalFile: string | undefined;
  readonly maxLifeMs: number;
}

/**
 * Makes this process a chaos server's: journalled, bounded in its life, and failing at its start where asked.
 * Does not return where the start fails.
 */
export function startProcess({ conductor, journalFile, maxLifeMs }: ProcessSetup): (endpoint: EndpointHost) => void {
  const { journal, faults } = conductor;
  journal.write({ event: "spawn", ppid: process.ppid });
  process.on("exit", (code) => journal.write({ event: "exit", code }));
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  failWhereAsked(conductor, journalFile);
  const killGrandchildren = startGrandchildren(faults, maxLifeMs, journal);
  const deadMan = new DeadMan(maxLifeMs, () => {
    killGrandchildren();
    process.kill(process.pid, "SIGKILL");
  });
  deadMan.start();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(name, () => {
      journal.write({ event: "signal", name });
      if (!conductor.faults.ignoreTerm) process.exit(128 + { SIGTERM: 15, SIGINT: 2, SIGHUP: 1 }[name]);
    });
  }
  floodStderr(faults.stderrFlood);
  return (endpoint) => {
    conductor.setHost({
      ownsProcess: true,
      crash: (code) => process.exit(code),
      // Not at once: what was just answered is to leave the process first.
      spin: () => {
        setImmediate(() => {
          for (;;) deadMan.check();
        });
      },
      forgetSessions: () => endpoint.forgetSessions(),
      dropConnections: () => endpoint.dropConnections(),
      dropStreams: () => endpoint.dropStreams(),
      listChanged: (count) => endpoint.listChanged(count),
    });
    exitWhenIdle(conductor, endpoint);
  };
}

function failWhereAsked({ faults }: Conductor, journalFile: string | undefined): void {
  if (faults.failStart !== "") {
    lastWords(faults.failStart);
    process.exit(1);
  }
  if (journalFile === undefined || !Number.isFinite(faults.flapSpawns)) return;
  const spawns = readJournal(journalFile).filter((entry) => entry.event === "spawn").length;
  if (spawns % faults.flapSpawns === 0) {
    lastWords(`spawn ${spawns} fails, as asked`);
    process.exit(1);
  }
}

function exitWhenIdle(conductor: Conductor, endpoint: EndpointHost): void {
  let timer: NodeJS.Timeout | undefined;
  conductor.onActivity(() => {
    clearTimeout(timer);
    const { exitWhileIdleMs } = conductor.faults;
    if (Number.isFinite(exitWhileIdleMs) && !endpoint.isBusy)
      timer = setTimeout(() => process.exit(0), exitWhileIdleMs);
  });
}
