import { type BreakerSnapshot, readSnapshot } from "./snapshot.js";
import type { StateChange } from "./stats.js";
import { checkKind, shorten, show } from "./text.js";

/** What a call proves about the service it called: that it is healthy ("success"), that it is not ("failure"), or nothing ("ignored"). */
export type Verdict = "success" | "failure" | "ignored";

/** How a call ended. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly durationMs: number }
  | { readonly ok: false; readonly error: unknown; readonly durationMs: number };

/** How a {@link CircuitBreaker} behaves. Every member may be left out; `Infinity` turns a rule off. */
export interface CircuitBreakerOptions {
  /** The name in errors, events and metrics. Default "breaker". */
  readonly name?: string | undefined;
  /** Consecutive failures that open it. Default 5. */
  readonly failureThreshold?: number | undefined;
  /** Share of failures in the window, 0..1, that opens it (>=). Default 0.5. */
  readonly failureRateThreshold?: number | undefined;
  /** Calls in the window before any share is judged. Default 10. */
  readonly minimumCalls?: number | undefined;
  /** Milliseconds that the window of the shares looks back. Default 60 000. */
  readonly windowMs?: number | undefined;
  /** A success that took at least so many milliseconds is slow. Default Infinity. */
  readonly slowCallMs?: number | undefined;
  /** Share of slow calls in the window, 0..1, that opens it (>=). Default 1. */
  readonly slowCallRateThreshold?: number | undefined;
  /** Milliseconds of rest before the first probe. Default 30 000, at most a given `maxOpenMs`. */
  readonly openMs?: number | undefined;
  /** The rest doubles at each re-opening up to so many milliseconds. Default `openMs`: it does not grow. */
  readonly maxOpenMs?: number | undefined;
  /** Largest random addition to a rest, as a share of it, 0..1. Default 0. */
  readonly openJitter?: number | undefined;
  /** Calls admitted while half-open. Default 3, at least a given `successThreshold`. */
  readonly maxProbes?: number | undefined;
  /** Successful probes that close it; at most `maxProbes`. Default 2, at most `maxProbes`. */
  readonly successThreshold?: number | undefined;
  /** Milliseconds after which an unsettled probe counts as failed. Keep it above the timeout of your calls. Default 60 000. */
  readonly probeTimeoutMs?: number | undefined;
  /**
   * Judges how a call ended. Default: a value is a success, an error a failure. It is not asked about the abort of the
   * caller's own signal, which proves nothing. One that throws counts as a failure; the caller gets the call's own result.
   */
  readonly classify?: ((outcome: Outcome) => Verdict) | undefined;
  /** Told once after each transition, when the state is final. What it throws or rejects with is dropped. */
  readonly onStateChange?: ((change: StateChange) => void) | undefined;
  /**
   * How long a failure itself asks to be left alone, in milliseconds, as an HTTP `Retry-After` does. The rest that the
   * failure leads to is at least that, at most `maxOpenMs`, so without a `maxOpenMs` above `openMs` it changes nothing. It
   * is given the error, or the value that `classify` judged a failure. One that throws or gives anything but a
   * non-negative number lengthens nothing.
   */
  readonly restFor?: ((error: unknown) => number | undefined) | undefined;
  /** Goes on from a snapshot: in its state, with the rest that was left, its window counted as of now. */
  readonly restore?: BreakerSnapshot | undefined;
}

/** What an option must be, in words and, for a number, in code. */
type Rule =
  | { readonly type: "string" | "function" | "object"; readonly text: string }
  | { readonly type: "number"; readonly text: string; readonly holds: (value: number) => boolean };

const endless = Number.POSITIVE_INFINITY;
const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;

const number = (text: string, holds: (value: number) => boolean): Rule => ({ type: "number", text, holds });
const count = number("a positive integer or Infinity", (value) => value === endless || isWhole(value));
const whole = number("a positive integer", isWhole);
const span = number("a positive number of milliseconds or Infinity", (value) => value > 0);
const rest = number("a non-negative number of milliseconds or Infinity", (value) => value >= 0);
const share = number(
  "a share above 0 and up to 1, or Infinity",
  (value) => value === endless || (value > 0 && value <= 1),
);
const callback: Rule = { type: "function", text: "a function" };

const rules: { readonly [K in keyof Required<CircuitBreakerOptions>]: Rule } = {
  name: { type: "string", text: "a string" },
  failureThreshold: count,
  failureRateThreshold: share,
  minimumCalls: whole,
  windowMs: span,
  slowCallMs: rest,
  slowCallRateThreshold: share,
  openMs: rest,
  maxOpenMs: rest,
  openJitter: number("a share from 0 to 1", (value) => value >= 0 && value <= 1),
  maxProbes: count,
  successThreshold: whole,
  probeTimeoutMs: span,
  classify: callback,
  onStateChange: callback,
  restFor: callback,
  restore: { type: "object", text: "a snapshot from snapshot()" },
};

/** The options with every default filled in. */
export interface Settings {
  readonly name: string;
  readonly failureThreshold: number;
  readonly failureRateThreshold: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  readonly slowCallMs: number;
  readonly slowCallRateThreshold: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly openJitter: number;
  readonly maxProbes: number;
  readonly successThreshold: number;
  readonly probeTimeoutMs: number;
  readonly classify: CircuitBreakerOptions["classify"];
  readonly onStateChange: CircuitBreakerOptions["onStateChange"];
  readonly restFor: CircuitBreakerOptions["restFor"];
  readonly restore: BreakerSnapshot | undefined;
  /** Whether anybody wants to know how long a call took. */
  readonly isTimed: boolean;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError for an unknown key or a wrong type, RangeError for a value out of range or two that contradict
 */
export function settingsOf(options: CircuitBreakerOptions): Settings {
  check(options);
  const {
    name = "breaker",
    failureThreshold = 5,
    failureRateThreshold = 0.5,
    minimumCalls = 10,
    windowMs = 60_000,
    slowCallMs = endless,
    slowCallRateThreshold = 1,
    openJitter = 0,
    probeTimeoutMs = 60_000,
    classify,
    onStateChange,
    restFor,
  } = options;
  // A default yields to what was given: only two given values can contradict each other.
  const openMs = options.openMs ?? Math.min(30_000, options.maxOpenMs ?? 30_000);
  const maxOpenMs = options.maxOpenMs ?? openMs;
  const maxProbes = options.maxProbes ?? Math.max(3, options.successThreshold ?? 0);
  const successThreshold = options.successThreshold ?? Math.min(2, maxProbes);
  if (maxOpenMs < openMs) {
    throw new RangeError(`CircuitBreaker: maxOpenMs must be at least openMs (${openMs}), got ${maxOpenMs}`);
  }
  if (successThreshold > maxProbes) {
    throw new RangeError(
      `CircuitBreaker: successThreshold must be at most maxProbes (${maxProbes}), or the breaker could never close, got ${successThreshold}`,
    );
  }
  return {
    name,
    failureThreshold,
    failureRateThreshold,
    minimumCalls,
    windowMs,
    slowCallMs,
    slowCallRateThreshold,
    openMs,
    maxOpenMs,
    openJitter,
    maxProbes,
    successThreshold,
    probeTimeoutMs,
    // An instance of a class may give them as methods.
    classify: classify?.bind(options),
    onStateChange: onStateChange?.bind(options),
    restFor: restFor?.bind(options),
    restore: options.restore && readSnapshot(options.restore),
    isTimed: classify !== undefined || slowCallMs < endless,
  };
}

function check(options: unknown): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`CircuitBreaker: options must be an object, got ${show(options)}`);
  }
  for (const key in options) {
    if (Object.hasOwn(rules, key)) continue;
    throw new TypeError(
      `CircuitBreaker: there is no option "${shorten(key)}"; there are ${Object.keys(rules).join(", ")}`,
    );
  }
  checkKind("CircuitBreaker: options", options, Object.keys(rules));
  for (const [key, rule] of Object.entries(rules)) checkOption(key, rule, Reflect.get(options, key));
}

function checkOption(key: string, rule: Rule, value: unknown): void {
  if (value === undefined) return;
  const message = `CircuitBreaker: ${key} must be ${rule.text}, got ${show(value)}`;
  if (rule.type !== "number") {
    if (typeof value !== rule.type || value === null) throw new TypeError(message);
  } else {
    if (typeof value !== "number") throw new TypeError(message);
    if (!rule.holds(value)) throw new RangeError(message);
  }
}
