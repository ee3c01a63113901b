import type { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { turns } from "./turns.js";

/** How long the end of the input over stdio waits for answers, and then for their reader, in milliseconds. */
const lastAnswersMs = 1_500;

/** What was asked before the end of the input is answered, and its answers are read, where that does not take long. */
export async function lastAnswers(idle: () => Promise<void>, output: Writable): Promise<void> {
  await turns();
  await within(lastAnswersMs, idle());
  await turns();
  await within(lastAnswersMs, new Promise<void>((resolve) => output.write("", () => resolve())));
}

/** Waits for a promise, but not longer. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const over = new AbortController();
  await Promise.race([promise, pause(ms, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}
