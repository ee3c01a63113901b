/// <reference lib="esnext.disposable" preserve="true" />
export type { Permit } from "./call.js";
export { CircuitBreaker } from "./circuit-breaker.js";
export { BreakerOpenError } from "./errors.js";
export type { CircuitBreakerOptions, Outcome, Verdict } from "./options.js";
export type { BreakerSnapshot } from "./snapshot.js";
export type { BreakerState, BreakerStats, StateChange } from "./stats.js";
