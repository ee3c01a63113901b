import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import { Failure } from "../session/failure.js";
import { type Resend, resendOf } from "./resend.js";
import type { RetryBudget } from "./retry-budget.js";

/** What the retry layer is told of a call's server. */
export interface RetryContext {
  readonly policy: Policy;
  readonly budget: RetryBudget;
  /** How many calls the server has answered so far. */
  readonly answered: () => number;
  /** Called before each further attempt. */
  readonly onRetry: (failure: Failure, attempt: number, delayMs: number) => void;
}

/**
 * Runs `attempt` until it succeeds or may not be repeated: what was not sent is repeated, what was sent only where it is
 * safe. Rejects with the last failure.
 *
 * A lost session or connection is repaired at once, and that is not charged. A call that loses its connection again is
 * repaired again, after a pause, as long as the server has answered some call in between: then it is the server that is
 * restarted, and not the call that ends it. Everything else is a retry, within the attempts and the server's retry budget.
 * All of it ends with the call's deadline.
 */
export async function withRetries<T>(call: Call, context: RetryContext, attempt: () => Promise<T>): Promise<T> {
  const { policy, budget, answered, onRetry } = context;
  let attempts = 1;
  let repairs = 0;
  let answeredBefore = -1;
  for (let sent = 1; ; sent += 1) {
    try {
      return await attempt();
    } catch (error) {
      const how: Resend = error instanceof Failure ? resendOf(error, call, policy) : "never";
      if (!(error instanceof Failure) || how === "never") throw error;
      const isRepair =
        how === "repair" && (repairs === 0 || (policy.retry.maxAttempts > 1 && answered() > answeredBefore));
      const delayMs = isRepair ? pauseBefore(repairs, policy.retry) : delayBefore(attempts, error, policy.retry);
      if (delayMs >= call.deadline.leftMs) throw error;
      if (isRepair) {
        repairs += 1;
        answeredBefore = answered();
      } else {
        if (attempts >= policy.retry.maxAttempts || !budget.take()) throw error;
        attempts += 1;
      }
      onRetry(error, sent, delayMs);
      if (delayMs > 0) await call.deadline.wait(delayMs);
    }
  }
}

function pauseBefore(repairs: number, retry: Policy["retry"]): number {
  return repairs === 0 ? 0 : fullJitter(repairs, retry);
}

/** Never before the server wants it. */
function delayBefore(attempt: number, failure: Failure, retry: Policy["retry"]): number {
  return Math.max(fullJitter(attempt, retry), failure.retryAfterMs ?? 0);
}

/** Brooker, "Exponential Backoff And Jitter". */
function fullJitter(attempt: number, { initialDelayMs, maxDelayMs }: Policy["retry"]): number {
  return Math.random() * Math.min(maxDelayMs, initialDelayMs * 2 ** (attempt - 1));
}
