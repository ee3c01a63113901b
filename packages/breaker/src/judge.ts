import { dropRejection } from "./notify.js";
import type { CircuitBreakerOptions, Outcome, Verdict } from "./options.js";

/** What the end of a call proves, by `classify` where there is one. A broken `classify` cannot make a call look well. */
export function judge(
  classify: CircuitBreakerOptions["classify"],
  ok: boolean,
  result: unknown,
  durationMs: number,
): Verdict {
  if (classify === undefined) return ok ? "success" : "failure";
  const outcome: Outcome = ok ? { ok, value: result, durationMs } : { ok, error: result, durationMs };
  try {
    const verdict: unknown = classify(outcome);
    dropRejection(verdict);
    return verdict === "success" || verdict === "ignored" ? verdict : "failure";
  } catch {
    return "failure";
  }
}

/** Milliseconds of rest that a failure asks for, by `restFor` where there is one; 0 where it asks for none or `restFor` is broken. */
export function askedRestMs(restFor: CircuitBreakerOptions["restFor"], error: unknown): number {
  if (restFor === undefined) return 0;
  try {
    const asked: unknown = restFor(error);
    dropRejection(asked);
    return typeof asked === "number" && asked > 0 ? asked : 0;
  } catch {
    return 0;
  }
}
