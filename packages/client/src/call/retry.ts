import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import { Failure } from "../session/failure.js";
import { afterEarlier } from "./after-earlier.js";
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
 * safe. Rejects with the last failure, which knows of those before.
 *
 * A lost session or connection is repaired at once, and that is not charged: one of each, since a server that was replaced
 * has cut the connections and does not know the sessions. A call that loses its connection again is repaired again, after
 * a pause, as long as the server has answered some call in between: then it is the server that is restarted, and not the
 * call that ends it. Everything else is a retry, within the attempts and the server's retry budget. All of it ends with the
 * call's deadline.
 */
export async function withRetries<T>(call: Call, context: RetryContext, attempt: () => Promise<T>): Promise<T> {
  const { policy, budget, answered, onRetry } = context;
  let attempts = 1;
  let repairs = 0;
  const repaired = new Set<"session" | "connection">();
  let answeredBefore = -1;
  let earlier: Failure | undefined;
  for (let sent = 1; ; sent += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const how: Resend = thrown instanceof Failure ? resendOf(thrown, call, policy) : "never";
      const error = afterEarlier(thrown, earlier, call);
      if (!(error instanceof Failure) || how === "never") throw error;
      const lost = error.kind === "session-lost" ? "session" : "connection";
      const isFirst = how === "repair" && !repaired.has(lost);
      const mayRepairAgain = policy.retry.maxAttempts > 1 && answered() > answeredBefore;
      const isRepair = isFirst || (how === "repair" && mayRepairAgain);
      const pauseMs = isRepair ? fullJitter(repairs, policy.retry) : delayBefore(attempts, error, policy.retry);
      const delayMs = isFirst ? 0 : pauseMs;
      if (delayMs >= call.deadline.leftMs) throw error;
      if (isRepair) {
        repaired.add(lost);
        repairs += 1;
        answeredBefore = answered();
      } else {
        if (attempts >= policy.retry.maxAttempts || !budget.take()) throw error;
        attempts += 1;
      }
      earlier = error;
      onRetry(error, sent, delayMs);
      if (delayMs > 0) await call.deadline.wait(delayMs);
    }
  }
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
