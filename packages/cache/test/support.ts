import { vi } from "vitest";
import type { Cache } from "../src/index.js";

/** A promise that the test settles. */
export interface Deferred<V> {
  readonly promise: Promise<V>;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<V>(): Deferred<V> {
  let settle: Pick<Deferred<V>, "resolve" | "reject"> | undefined;
  const promise = new Promise<V>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error("bug: the executor of a promise runs at once");
  return { promise, ...settle };
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** Moves all clocks, runs what falls due, and lets promises settle. */
export async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await settle();
}

/** What became of a promise, read after `settle`. */
export interface Outcome<V> {
  state: "pending" | "resolved" | "rejected";
  value?: V;
  error?: unknown;
}

export function watch<V>(promise: Promise<V>): Outcome<V> {
  const outcome: Outcome<V> = { state: "pending" };
  promise.then(
    (value) => Object.assign(outcome, { state: "resolved", value }),
    (error: unknown) => Object.assign(outcome, { state: "rejected", error }),
  );
  return outcome;
}

/** Reads a key through a load that must not be needed. */
export function cached<V>(cache: Cache<V>, key: string): Promise<V> {
  return cache.getOrSet(key, () => Promise.reject(new Error("not cached")));
}
