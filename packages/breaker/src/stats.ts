import type { EvidenceFigures } from "./evidence.js";

/** The state of a breaker. The forced states last until they are released, or until `reset()`. */
export type BreakerState = "closed" | "open" | "half-open" | "forced-open" | "forced-closed";

/** One transition, told to `onStateChange`. */
export interface StateChange {
  /** The breaker's name. */
  readonly name: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** When it fell due, in epoch milliseconds. */
  readonly at: number;
  /** Why. */
  readonly reason:
    | "failure-threshold"
    | "failure-rate"
    | "slow-call-rate"
    | "rest-elapsed"
    | "probes-succeeded"
    | "probe-failed"
    | "probe-timeout"
    | "tripped"
    | "rest-ended"
    | "forced"
    | "released"
    | "reset";
  /** The breaker's figures right after it. */
  readonly stats: BreakerStats;
}

/** The figures of a breaker at one instant. Counts are kept since construction or `reset()`. */
export interface BreakerStats {
  readonly state: BreakerState;
  /** Epoch milliseconds. */
  readonly stateChangedAt: number;
  readonly timeInStateMs: number;
  /** Whole milliseconds until a call would be admitted; 0 now, `Infinity` while forced open. */
  readonly retryAfterMs: number;
  /** Admitted calls that have ended: successes, failures and ignored ones. */
  readonly calls: number;
  readonly successes: number;
  readonly failures: number;
  readonly ignored: number;
  /** Calls that were refused; they are in no other count and in no rate. */
  readonly rejected: number;
  /** Successes that took `slowCallMs` or longer. */
  readonly slow: number;
  readonly transitions: number;
  readonly transitionsTo: Readonly<Record<BreakerState, number>>;
  /** Since the last success or transition. */
  readonly consecutiveFailures: number;
  /** Since the last failure or transition. */
  readonly consecutiveSuccesses: number;
  /** Judged calls in the window, which begins anew at every transition. */
  readonly windowCalls: number;
  readonly windowFailures: number;
  readonly windowSlow: number;
  /** Share of failures in the window, 0..1; 0 of nothing. */
  readonly failureRate: number;
  /** Share of slow calls in the window, 0..1; 0 of nothing. */
  readonly slowCallRate: number;
  /** Epoch milliseconds. */
  readonly lastFailureAt: number | undefined;
  /** Epoch milliseconds. */
  readonly lastSuccessAt: number | undefined;
}

/** What is counted over the whole life of a breaker, whatever its state, and when that changed last. */
export class Counters {
  /** In epoch milliseconds and on the monotonic clock. */
  changedAt: number = Date.now();
  changedInstant: number = performance.now();
  successes = 0;
  failures = 0;
  ignored = 0;
  rejected = 0;
  slow = 0;
  transitions = 0;
  /** Epoch milliseconds. */
  lastFailureAt: number | undefined;
  lastFailure: unknown;
  /** Transitions by the state they led to. Made with the first one, since most breakers never have any. */
  #to: Record<BreakerState, number> | undefined;
  /** The last success not yet worked out, on the monotonic clock: a success is too frequent to read the wall clock each time. */
  #succeededAt = Number.NaN;
  #lastSuccessAt: number | undefined;

  /** Epoch milliseconds, worked out at the first reading, so that each later one of the same success says the same. */
  lastSuccessAt(now: number): number | undefined {
    if (!Number.isNaN(this.#succeededAt)) {
      this.#lastSuccessAt = epochOf(this.#succeededAt, now);
      this.#succeededAt = Number.NaN;
    }
    return this.#lastSuccessAt;
  }

  /** Makes the instants on the monotonic clock older, after a sleep of the machine. */
  age(ms: number): void {
    this.changedInstant -= ms;
    this.#succeededAt -= ms;
  }

  get transitionsTo(): Record<BreakerState, number> {
    return { ...(this.#to ?? nowhere) };
  }

  /** Notes that the state changed at `instant`. */
  changed(instant: number, now: number): void {
    this.changedInstant = instant;
    this.changedAt = epochOf(instant, now);
  }

  /** Counts a transition. */
  moved(to: BreakerState): void {
    this.transitions += 1;
    this.#to ??= { ...nowhere };
    this.#to[to] += 1;
  }

  /** Counts the end of a call. */
  add(verdict: "success" | "failure" | "ignored", isSlow: boolean, now: number): void {
    if (verdict === "success") this.succeeded(isSlow, now);
    else if (verdict === "failure") {
      this.failures += 1;
      this.lastFailureAt = epochOf(now, performance.now());
    } else this.ignored += 1;
  }

  succeeded(isSlow: boolean, now: number): void {
    this.successes += 1;
    this.#succeededAt = now;
    if (isSlow) this.slow += 1;
  }
}

const nowhere: Readonly<Record<BreakerState, number>> = {
  closed: 0,
  open: 0,
  "half-open": 0,
  "forced-open": 0,
  "forced-closed": 0,
};

/** The figures that are not counted. */
interface CurrentFigures extends EvidenceFigures {
  readonly state: BreakerState;
  /** When the state began, where time alone brought it about and nothing has been done about it yet. */
  readonly movedAt: number | undefined;
  readonly retryAfterMs: number;
}

/** All figures together, as they are at `now`. */
export function statsOf(
  counters: Counters,
  now: number,
  { window, movedAt, ...current }: CurrentFigures,
): BreakerStats {
  const { successes, failures, ignored, rejected, slow, transitions, transitionsTo } = counters;
  return {
    ...current,
    stateChangedAt: movedAt === undefined ? counters.changedAt : epochOf(movedAt, now),
    timeInStateMs: Math.max(0, now - (movedAt ?? counters.changedInstant)),
    calls: successes + failures + ignored,
    successes,
    failures,
    ignored,
    rejected,
    slow,
    transitions,
    transitionsTo,
    windowCalls: window.calls,
    windowFailures: window.failures,
    windowSlow: window.slow,
    failureRate: window.calls === 0 ? 0 : window.failures / window.calls,
    slowCallRate: window.calls === 0 ? 0 : window.slow / window.calls,
    lastFailureAt: counters.lastFailureAt,
    lastSuccessAt: counters.lastSuccessAt(now),
  };
}

/** An instant of the monotonic clock in epoch milliseconds. */
export function epochOf(instant: number, now: number): number {
  return Date.now() - Math.round(now - instant);
}
