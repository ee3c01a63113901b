import { type Caller, latencies, throughput } from "../callers.js";
import { interleave } from "../interleave.js";
import type { Samples } from "../row.js";

/** What goes over a wire takes its time: fewer rounds, and each of them many calls. */
const mostRounds = 5;

/** Clients by name. */
export type Callers = Readonly<Record<string, Caller>>;

/** One figure of each caller per round. */
export function measureEach(
  callers: Callers,
  wanted: number,
  sample: (caller: Caller) => Promise<number>,
): Promise<Samples> {
  const rounds = Math.min(wanted, mostRounds);
  const contenders = Object.entries(callers).map(([name, caller]) => ({ name, sample: () => sample(caller) }));
  return interleave(contenders, rounds, { collects: false });
}

/** As `measureEach`: the latency of one call at a time. */
export async function measureLatency(callers: Callers, wanted: number, calls: number): Promise<Samples> {
  const rounds: Readonly<Record<string, number>>[] = [];
  while (rounds.length < Math.min(wanted, mostRounds)) rounds.push(await latencies(callers, calls));
  return Object.fromEntries(
    Object.keys(callers).map((name) => [name, rounds.map((round) => round[name] ?? Number.NaN)]),
  );
}

/** Closes every client. */
export async function closeAll(callers: Callers): Promise<void> {
  for (const caller of Object.values(callers)) await caller.close();
}

/** How many processes of a server are measured over. */
export const servers = 5;

/**
 * Measures over several processes of the same server, one after the other: each caller has one of its own, and a process
 * may be slower than another of the same program for all of its life. Each is warmed up first, since an engine that has
 * not seen enough calls measures its own learning, on both sides.
 */
export async function overFreshServers(
  start: () => Promise<Callers>,
  warmUpCalls: number,
  measure: (callers: Callers) => Promise<Samples>,
): Promise<Samples> {
  const found: Record<string, readonly number[]> = {};
  for (let server = 0; server < servers; server += 1) {
    const callers = await start();
    for (const caller of Object.values(callers)) await throughput(caller, 64, warmUpCalls);
    for (const [name, figures] of Object.entries(await measure(callers)))
      found[name] = [...(found[name] ?? []), ...figures];
    await closeAll(callers);
  }
  return found;
}
