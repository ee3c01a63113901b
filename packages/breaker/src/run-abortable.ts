/**
 * Runs `operation` until it settles or `signal` aborts, whichever is first: an abort rejects with `signal.reason` at
 * once, also where the operation is deaf to it, and `onAbort` is called before. The listener is gone afterwards.
 */
export async function runAbortable<T>(
  operation: () => T | PromiseLike<T>,
  signal: AbortSignal,
  onAbort: () => void,
): Promise<T> {
  let listener = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    listener = () => {
      onAbort();
      reject(signal.reason);
    };
  });
  signal.addEventListener("abort", listener, { once: true });
  // Async, so that a synchronous throw is a rejection too.
  const run = async (): Promise<T> => operation();
  try {
    return await Promise.race([run(), aborted]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
