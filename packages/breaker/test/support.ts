import { vi } from "vitest";
import type { CircuitBreaker, CircuitBreakerOptions, StateChange } from "../src/index.js";
import { CircuitBreaker as Breaker } from "../src/index.js";

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<T = string>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

export const down: Error = new Error("down");

/** One call that succeeds. */
export function succeed(breaker: CircuitBreaker): Promise<string> {
  return breaker.execute(async () => "up");
}

/** One call that fails; resolves with what the caller was told. */
export async function fail(breaker: CircuitBreaker, error: unknown = down): Promise<unknown> {
  return breaker.execute(() => Promise.reject(error)).catch((told: unknown) => told);
}

/** Fails until it is open. */
export async function trip(breaker: CircuitBreaker): Promise<void> {
  for (let call = 0; call < 1_000 && breaker.state === "closed"; call += 1) await fail(breaker);
}

/** A call that is under way until the test settles it. */
export function begin(
  breaker: CircuitBreaker,
  signal?: AbortSignal,
): Deferred<string> & { readonly outcome: Promise<unknown> } {
  const work = deferred();
  const outcome = breaker.execute(() => work.promise, { signal }).catch((error: unknown) => error);
  return { ...work, outcome };
}

/** Moves every clock. */
export function pass(ms: number): void {
  vi.advanceTimersByTime(ms);
}

/** A breaker and what it tells. */
export function watched(options: CircuitBreakerOptions = {}): {
  readonly breaker: CircuitBreaker;
  readonly changes: StateChange[];
  readonly told: () => string[];
} {
  const changes: StateChange[] = [];
  const breaker = new Breaker({ onStateChange: (change) => changes.push(change), ...options });
  return { breaker, changes, told: () => changes.map(({ from, to, reason }) => `${from} -> ${to}: ${reason}`) };
}

const methodOfPromises = "then";

/** Something like a promise, whose `then` is the given one. */
export function thenable(then: (resolve: (value: string) => void) => void): PromiseLike<string> {
  return Object.defineProperty({ ...Promise.prototype }, methodOfPromises, { value: then });
}
