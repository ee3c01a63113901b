/**
 * Runs `operation` until it settles or `signal` aborts, whichever is first: an abort rejects with `signal.reason` at
 * once, also where the operation is deaf to it, and `onAbort` is called before. The listener is gone afterwards.
 */
export function runAbortable<T>(
  operation: () => T | PromiseLike<T>,
  signal: AbortSignal,
  onAbort: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      onAbort();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    // Async, so that a synchronous throw is a rejection too.
    const run = async (): Promise<T> => operation();
    run()
      .finally(() => signal.removeEventListener("abort", abort))
      .then(resolve, (error: unknown) => {
        // The operation may hear of the abort before the listener here does.
        if (signal.aborted && error === signal.reason) onAbort();
        reject(error);
      });
  });
}
