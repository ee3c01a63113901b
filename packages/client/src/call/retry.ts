import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import { Failure } from "../session/failure.js";
import { isGatewayStatus } from "./public-error.js";
import type { RetryBudget } from "./retry-budget.js";

/** What the retry layer is told of a call's server. */
export interface RetryContext {
  readonly policy: Policy;
  readonly budget: RetryBudget;
  /** Called before each further attempt. */
  readonly onRetry: (failure: Failure, attempt: number, delayMs: number) => void;
}

/**
 * Runs `attempt` until it succeeds or may not be repeated: what was not sent is repeated, what was sent only where it is
 * safe, within the attempts, the server's retry budget and the call's deadline. Rejects with the last failure.
 */
export async function withRetries<T>(call: Call, context: RetryContext, attempt: () => Promise<T>): Promise<T> {
  const { policy, budget, onRetry } = context;
  let wasResent = false;
  for (let number = 1; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Failure) || !mayRepeat(error, call, policy.stateful)) throw error;
      // The server refused it since it did not know the session, or the connection had silently gone: the call has not
      // begun, and a new connection is the cure. Once, at once, and no retry in the sense of the budget.
      const isLost = (error.kind === "session-lost" || error.kind === "closed") && error.delivery === "not-sent";
      if (isLost && !wasResent) {
        wasResent = true;
        onRetry(error, number, 0);
        continue;
      }
      const delayMs = delayBefore(number, error, policy.retry);
      if (number >= policy.retry.maxAttempts || delayMs >= call.deadline.leftMs || !budget.take()) throw error;
      onRetry(error, number, delayMs);
      await call.deadline.wait(delayMs);
      number += 1;
    }
  }
}

/** Whether the same request may be sent again after `failure`. */
function mayRepeat(failure: Failure, { isSafe }: Pick<Call, "isSafe">, isStateful: boolean): boolean {
  switch (failure.kind) {
    case "rpc":
    case "too-large":
      return false;
    case "connect":
      return true;
    case "session-lost":
      return !isStateful;
    case "closed":
    case "invalid-result":
      return !isStateful && (failure.delivery === "not-sent" || isSafe);
    case "http":
      if (failure.status === 429 || (failure.status === 503 && failure.retryAfterMs !== undefined)) return true;
      if (failure.delivery === "not-sent") return Number(failure.status) >= 500;
      return isGatewayStatus(failure.status) && isSafe;
  }
}

/** Full jitter (Brooker, "Exponential Backoff And Jitter"), and never before the server wants it. */
function delayBefore(attempt: number, failure: Failure, retry: Policy["retry"]): number {
  const bound = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** (attempt - 1));
  return Math.max(Math.random() * bound, failure.retryAfterMs ?? 0);
}
