import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import { Failure } from "../session/failure.js";
import { type Resend, resendOf } from "./resend.js";

/** Called before each further attempt: with what failed, the number of the attempt that failed, and the pause. */
export type OnRetry = (failure: Failure, attempt: number, delayMs: number) => void;

/** What the retry layer is told of a call's server. */
export interface RetryContext {
  readonly policy: Policy;
  readonly budget: RetryBudget;
  /** How many calls the server has answered so far. */
  readonly answered: () => number;
  readonly onRetry: OnRetry;
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

/** The budget counts in slots of a second. */
const windowMs = 10_000;
const slotMs = 1_000;
const freeRetries = 10;
const share = 0.1;

interface Slot {
  readonly number: number;
  calls: number;
  retries: number;
}

/**
 * Keeps retries from multiplying the load on a server that is in trouble: of ten seconds ten are free, and beyond
 * them at most a tenth of the calls may be retries. The idea is that of Finagle's retry budget.
 */
export class RetryBudget {
  #slots: Slot[] = [];

  /** Counts a call. */
  call(): void {
    this.#current().calls += 1;
  }

  /** Whether one more retry is allowed; it is counted where it is. */
  take(): boolean {
    const slot = this.#current();
    let calls = 0;
    let retries = 0;
    for (const one of this.#slots) {
      calls += one.calls;
      retries += one.retries;
    }
    if (retries >= freeRetries && retries + 1 > calls * share) return false;
    slot.retries += 1;
    return true;
  }

  #current(): Slot {
    const number = Math.floor(performance.now() / slotMs);
    const last = this.#slots.at(-1);
    if (last?.number === number) return last;
    const slot: Slot = { number, calls: 0, retries: 0 };
    this.#slots = [...this.#slots.filter((one) => number - one.number < windowMs / slotMs), slot];
    return slot;
  }
}
