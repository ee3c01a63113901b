import { shorten } from "./text.js";

/**
 * Thrown instead of running a call while the breaker admits none. Test for `code`, not for the class.
 *
 * It is made without a stack trace, since refusing has to be cheap, and carries the last failure, or what was given to
 * `trip`, as `cause`. Wait `retryAfterMs` before the next attempt, or answer from elsewhere.
 */
export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
  readonly code = "ERR_BREAKER_OPEN";
  /** The name of the breaker. */
  readonly breaker: string;
  /** Why it admits no call: open, or half-open with all probes out, or forced open. */
  readonly state: "open" | "half-open" | "forced-open";
  /** Whole milliseconds until a call can be admitted, by what is known now; `Infinity` while forced open. */
  readonly retryAfterMs: number;

  constructor(
    breaker: string,
    state: "open" | "half-open" | "forced-open",
    retryAfterMs: number,
    options?: { readonly cause?: unknown },
  ) {
    super(messageOf(breaker, state, retryAfterMs), options);
    this.breaker = breaker;
    this.state = state;
    this.retryAfterMs = retryAfterMs;
  }
}

function messageOf(breaker: string, state: string, retryAfterMs: number): string {
  const when = Number.isFinite(retryAfterMs)
    ? `try again in ${retryAfterMs} ms`
    : "it stays that way until it is released";
  return `Circuit breaker "${shorten(breaker)}" is ${state} and refuses calls; ${when}`;
}

/** The error for a call that is refused after `lastFailure`, if there was one. */
export function refusalOf(
  breaker: string,
  state: BreakerOpenError["state"],
  retryAfterMs: number,
  lastFailure: unknown,
): BreakerOpenError {
  const options = lastFailure === undefined ? undefined : { cause: lastFailure };
  return withoutStack(() => new BreakerOpenError(breaker, state, retryAfterMs, options));
}

/** Makes an error without paying for its stack trace. V8 alone has the limit; it is left as it was. */
function withoutStack<E extends Error>(make: () => E): E {
  const limit: unknown = Error.stackTraceLimit;
  if (typeof limit !== "number") return make();
  try {
    Error.stackTraceLimit = 0;
  } catch {
    // The realm is frozen.
    return make();
  }
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
