import type { Settings } from "./options.js";
import type { StateChange } from "./stats.js";

/** The rule, if any, by which the figures of a closed breaker open it. Any one of them is enough. */
export function tripReason(
  settings: Settings,
  consecutiveFailures: number,
  window: { readonly calls: number; readonly failures: number; readonly slow: number },
): Extract<StateChange["reason"], "failure-threshold" | "failure-rate" | "slow-call-rate"> | undefined {
  if (consecutiveFailures >= settings.failureThreshold) return "failure-threshold";
  const { calls, failures, slow } = window;
  if (calls < settings.minimumCalls) return undefined;
  if (failures >= settings.failureRateThreshold * calls) return "failure-rate";
  return slow >= settings.slowCallRateThreshold * calls ? "slow-call-rate" : undefined;
}
