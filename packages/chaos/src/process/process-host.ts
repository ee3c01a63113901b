import { type EndpointHost, type FaultController, hostOf } from "../fault-controller.js";
import { Flood } from "../flood.js";
import { readJournal } from "../journal.js";
import { floodStderr, lastWords } from "../stdio/stdio-output.js";
import { startGrandchildren } from "./grandchildren.js";
import { ParentWatch } from "./parent-watch.js";

/** A transport that serves in a process of its own. */
export type ServingEndpoint = EndpointHost & { readonly isBusy: boolean };

/** What came of the arguments that concern the process. */
export interface ProcessSetup {
  readonly controller: FaultController;
  readonly journalFile: string | undefined;
  readonly maxLifeMs: number;
}

/**
 * Makes this process a chaos server's: journalled, bounded in its life, and failing at its start where asked.
 * Does not return where the start fails.
 */
export function startProcess({
  controller,
  journalFile,
  maxLifeMs,
}: ProcessSetup): (endpoint: ServingEndpoint) => void {
  const { journal, faults } = controller;
  journal.write({ event: "spawn", ppid: process.ppid });
  process.on("exit", (code) => journal.write({ event: "exit", code }));
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  failWhereAsked(controller, journalFile);
  const killGrandchildren = startGrandchildren(faults, maxLifeMs, journal, journalFile);
  const parentWatch = new ParentWatch(maxLifeMs, () => {
    killGrandchildren();
    process.kill(process.pid, "SIGKILL");
  });
  parentWatch.start();
  process.stdin.once("end", () => parentWatch.orphan());
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(name, () => {
      journal.write({ event: "signal", name });
      if (!controller.faults.ignoreTerm) process.exit(128 + { SIGTERM: 15, SIGINT: 2, SIGHUP: 1 }[name]);
    });
  }
  floodStderr(faults.stderrFlood);
  return (endpoint) => {
    controller.setHost(
      hostOf(endpoint, {
        ownsProcess: true,
        crash: (code) => process.exit(code),
        // Not at once: what was just answered is to leave the process first.
        spin: () => {
          setImmediate(() => {
            for (;;) parentWatch.check();
          });
        },
      }),
    );
    exitWhenIdle(controller, endpoint);
    new Flood(controller);
  };
}

function failWhereAsked({ faults }: FaultController, journalFile: string | undefined): void {
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

function exitWhenIdle(controller: FaultController, endpoint: ServingEndpoint): void {
  let timer: NodeJS.Timeout | undefined;
  controller.onActivity(() => {
    clearTimeout(timer);
    const { exitWhileIdleMs } = controller.faults;
    if (Number.isFinite(exitWhileIdleMs) && !endpoint.isBusy)
      timer = setTimeout(() => process.exit(0), exitWhileIdleMs);
  });
}
