import type { Settings } from "./options.js";
import type { Counts } from "./rolling-window.js";
import type { StateChange } from "./stats.js";

/** The rule, if any, by which the figures of a closed breaker open it. Any one of them is enough. */
export function tripReason(
  settings: Settings,
  consecutiveFailures: number,
  window: Counts,
): Extract<StateChange["reason"], "failure-threshold" | "failure-rate" | "slow-call-rate"> | undefined {
  if (consecutiveFailures >= settings.failureThreshold) return "failure-threshold";
  const { calls, failures, slow } = window;
  if (calls < settings.minimumCalls || failures + slow === 0) return undefined;
  // Divided, not multiplied: a share that is reached exactly must compare as equal.
  if (failures / calls >= settings.failureRateThreshold) return "failure-rate";
  return slow / calls >= settings.slowCallRateThreshold ? "slow-call-rate" : undefined;
}
