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
    const verdict = classify(outcome);
    return verdict === "success" || verdict === "ignored" ? verdict : "failure";
  } catch {
    return "failure";
  }
}
