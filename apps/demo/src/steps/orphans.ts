import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { chaosCommand, readJournal } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { tourPolicy } from "../policies.js";
import { duration, type Step, timed } from "../step.js";

/** A server behind a wrapper, with a child of its own, deaf to the end of its input and to SIGTERM: closing ends them all. */
export const orphans: Step = {
  id: "orphans",
  title: "Close: no process outlives its client",
  async run({ playground }) {
    const journal = join(dirname(playground.journal), `${randomUUID()}.jsonl`);
    const faults = {
      ignoreEof: true,
      ignoreTerm: true,
      grandchild: true,
      grandchildSession: true,
      wrapper: "node",
    } as const;
    const client = new MinionClient({
      defaults: tourPolicy,
      servers: { stubborn: { ...chaosCommand({ protocol: "legacy", journal, faults }), closeTimeoutMs: 2_000 } },
    });
    await client.callTool("stubborn", "echo", { text: "here" });
    const pids = pidsIn(journal);
    const alive = await running(pids);
    const closed = await timed(() => client.close());
    const left = await running(pids);
    return {
      ok: alive >= 3 && left === 0,
      says: `${alive} processes that ignore every polite request, ${left} left after ${duration(closed.ms)}`,
      figures: { alive, left, closeMs: closed.ms },
    };
  },
};

/** The processes of which a journal tells. */
function pidsIn(journal: string): ReadonlySet<number> {
  return new Set(
    readJournal(journal).flatMap((entry) => [entry.pid, ...(entry.event === "grandchild" ? [entry.child] : [])]),
  );
}

/** How many of these processes run; one that has ended and was not yet taken note of by its parent does not. */
async function running(pids: ReadonlySet<number>): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,stat="]);
  return stdout.split("\n").filter((line) => {
    const [pid, state = "Z"] = line.trim().split(/\s+/);
    return pids.has(Number(pid)) && !state.startsWith("Z");
  }).length;
}
