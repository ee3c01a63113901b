import { expect } from "vitest";
import { type Demo, descendantsOf, isAlive, startDemo, until } from "./support.js";

const limitMs = 5_000;

/** A demo whose page is up and whose servers run ends cleanly at the signal. */
export async function endsWhileUp(signal: NodeJS.Signals): Promise<void> {
  const demo = startDemo("--port", "0");
  await demo.url;
  await runsWhole(demo);
  await endsCleanly(demo, signal);
}

/** Resolves once all servers of both sides run. */
export function runsWhole(demo: Demo): Promise<void> {
  return until(() => descendantsOf(demo.child.pid ?? 0).length >= 8, "all servers of both sides run");
}

/** A demo that is interrupted as soon as it has so many processes ends cleanly. */
export async function endsAtProcess(count: number): Promise<void> {
  const demo = startDemo("--port", "0");
  const pid = demo.child.pid ?? 0;
  await until(() => descendantsOf(pid).length >= count || demo.child.exitCode !== null, `${count} processes run`);
  await endsCleanly(demo, "SIGINT");
}

/** A demo that runs ends within its time at the signal, and leaves no process. */
export async function endsCleanly(demo: Demo, signal: NodeJS.Signals): Promise<void> {
  const pids = descendantsOf(demo.child.pid ?? 0);
  const begin = performance.now();
  demo.child.kill(signal);
  const code = await demo.exited;
  expect(performance.now() - begin).toBeLessThan(limitMs + 500);
  expect([130, 143]).toContain(code);
  await until(() => !pids.some(isAlive), "no process of the demo is alive", 3_000);
}
