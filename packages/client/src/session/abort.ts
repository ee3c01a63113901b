import type { Cancellation } from "../cancellation.js";

/** The outcome of `promise`, or the signal's reason if that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const settle = (): void => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).finally(settle);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}

/** Resolves when `promise` has settled, whatever the outcome, but after `ms` at the latest. */
export function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const settle = (): void => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(settle, settle);
  });
}

/** Resolves after `ms`, or on abort if that comes first. Its timer holds no process. */
export function restFor(ms: number, signal: Cancellation): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    timer.unref();
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/** A promise that is only ever rejected, from outside. */
export function rejectable(): { readonly promise: Promise<never>; readonly reject: (error: unknown) => void } {
  let reject: ((error: unknown) => void) | undefined;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  return { promise, reject: (error) => reject?.(error) };
}
