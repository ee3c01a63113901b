import { onAbort } from "./abort-listeners.js";

/**
 * Runs `operation` until it settles or `signal` aborts, whichever is first: an abort rejects with `signal.reason` at
 * once, also where the operation does not listen, and `whenAborted` is called before. Nothing listens afterwards.
 */
export function runAbortable<T>(
  operation: () => T | PromiseLike<T>,
  signal: AbortSignal,
  whenAborted: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      whenAborted();
      reject(signal.reason);
    });
    // Async, so that a synchronous throw is a rejection too.
    const run = async (): Promise<T> => operation();
    run()
      .finally(stopListening)
      .then(resolve, (error: unknown) => {
        // The operation may hear of the abort before the listener here does.
        if (signal.aborted && error === signal.reason) whenAborted();
        reject(error);
      });
  });
}
