import type { Exchange } from "../exchange.js";
import { ignore } from "../quietly.js";

/** Milliseconds for a reply that stays open although the answer has come, or will not come by it. */
export const lingerMs = 1_000;

/** Ends a request that takes so long. Returns what takes that back. */
export function endAfter(ms: number, request: AbortController): () => void {
  const timer = setTimeout(() => request.abort(), ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Ends a request when its answer is not awaited any more; where it has come, only what would not end by itself. */
export function endWith(exchange: Exchange, request: AbortController): () => void {
  let keep = ignore;
  const end = (): void => {
    if (exchange.answer === undefined) request.abort();
    else keep = endAfter(lingerMs, request);
  };
  const unlisten = exchange.onceOver(end);
  return () => {
    keep();
    unlisten();
  };
}
