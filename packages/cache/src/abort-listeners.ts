/** The calls under way of each signal. Node warns of a leak when a signal has more than ten listeners, so it gets one. */
const callsOf = new WeakMap<AbortSignal, Calls>();

interface Calls {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/**
 * Calls `callback` once when `signal` aborts, unless the returned function is called before. Any number of callbacks share
 * one listener, which is removed with the last of them.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const calls = callsOf.get(signal) ?? listen(signal);
  calls.callbacks.add(callback);
  return () => {
    calls.callbacks.delete(callback);
    if (calls.callbacks.size === 0) stop(signal, calls);
  };
}

function listen(signal: AbortSignal): Calls {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    stop(signal, calls);
    for (const callback of callbacks) callback();
  };
  const calls = { callbacks, listener };
  callsOf.set(signal, calls);
  signal.addEventListener("abort", listener);
  return calls;
}

function stop(signal: AbortSignal, calls: Calls): void {
  if (callsOf.get(signal) !== calls) return;
  callsOf.delete(signal);
  signal.removeEventListener("abort", calls.listener);
}
