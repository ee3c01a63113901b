import { readdirSync, readFileSync } from "node:fs";
import type { FaultSettings } from "@minion/chaos";
import { expect, onTestFinished } from "vitest";
import { Failure } from "../../src/session/failure.js";
import { chaosStdio, isAlive, open, survivors, until } from "./support.js";

/** All that descends from this process. */
function descendants(): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid === process.pid || (pid !== undefined && pid > 1 && isOurs(parents.get(pid)));
  return [...parents.keys()].filter((pid) => pid !== process.pid && isOurs(pid) && isAlive(pid));
}

/** The same numbers in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const starts: readonly FaultSettings[] = [
  {},
  { wrapper: "sh", grandchild: true },
  { wrapper: "node", grandchildSession: true },
  { ignoreEof: true, grandchildInherit: true },
  { ignoreEof: true, ignoreTerm: true, grandchild: true, grandchildSession: true },
  { noise: 5, stderrFlood: 200_000 },
  { chunkBytes: 7 },
  { failStart: "no key" },
  { hangInitialize: true },
  { flapCalls: 2 },
  { busy: true },
];
const calls: readonly (readonly [string, Record<string, unknown>])[] = [
  ["echo", { text: "hi" }],
  ["crash", { when: "before", key: "k" }],
  ["crash", { when: "after", key: "k" }],
  ["hang", {}],
  ["big", { bytes: 200_000 }],
  ["fail", {}],
  ["rpcError", { code: -32_001 }],
  ["progress", { steps: 20, ms: 0 }],
];

/** Meets random faults, four at a time; expects that no process and no unhandled rejection is left of them. */
export async function storm(faults: number): Promise<void> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const before = descendants();
  const random = randomFrom(7);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] ?? (list[0] as never);
  const left: number[] = [];
  const untyped: unknown[] = [];
  const one = async (): Promise<void> => {
    const { target, journal } = chaosStdio({ faults: pick(starts), maxLifeMs: 300_000 });
    const plan = { call: pick(calls), kill: random(4) === 0, closeFirst: random(5) === 0, giveUpMs: 20 + random(300) };
    const limits = { connectTimeoutMs: 1_500 + random(1_500), closeTimeoutMs: 1_000, maxMessageBytes: 100_000 };
    try {
      const { connection, call } = await open(target, limits);
      const giveUp = AbortSignal.timeout(plan.giveUpMs);
      const calling = call(...plan.call, { signal: giveUp }).catch((error: unknown) => {
        if (!(error instanceof Failure) && error !== giveUp.reason) untyped.push(error);
      });
      const spawned = journal().findLast((entry) => entry.event === "spawn");
      if (plan.kill && spawned !== undefined && isAlive(spawned.pid)) process.kill(spawned.pid, "SIGKILL");
      if (!plan.closeFirst) await calling;
      await Promise.all([connection.close(), calling]);
    } catch (error) {
      if (!(error instanceof Failure)) untyped.push(error);
    }
    left.push(...survivors(journal()));
  };
  for (let round = 0; round < faults / 4; round++) await Promise.all([one(), one(), one(), one()]);
  expect(untyped).toEqual([]);
  expect(left).toEqual([]);
  await until(
    () => descendants().every((pid) => before.includes(pid)),
    "nothing descends from this process but what did",
  );
  expect(unhandled).toEqual([]);
}
