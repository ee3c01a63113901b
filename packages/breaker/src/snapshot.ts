import { show } from "./text.js";

/**
 * What a breaker knows that must outlive its process, as plain JSON. Made by `snapshot()`, taken by the option `restore`.
 *
 * It says nothing of an override, which ends with its process, nor of calls in flight.
 */
export interface BreakerSnapshot {
  readonly version: 1;
  /** The state beneath an override. */
  readonly state: "closed" | "open" | "half-open";
  /** Whole milliseconds of rest left while open, else 0; `Number.MAX_SAFE_INTEGER` for a rest without end. */
  readonly restLeftMs: number;
  /** How often it has opened again since it was last closed; the rest grows with it. */
  readonly reopens: number;
  readonly consecutiveFailures: number;
  /** Calls in the window, of which so many failed and so many others were slow. */
  readonly windowCalls: number;
  readonly windowFailures: number;
  readonly windowSlow: number;
}

const members = [
  "version",
  "state",
  "restLeftMs",
  "reopens",
  "consecutiveFailures",
  "windowCalls",
  "windowFailures",
  "windowSlow",
];

/** A copy of `value`, read once. Throws a TypeError unless it is a snapshot of this version. */
export function readSnapshot(value: object): BreakerSnapshot {
  for (const name in value) if (!members.includes(name)) throw malformed(`has no member ${show(name)}`);
  const version: unknown = Reflect.get(value, "version");
  if (version !== 1) throw malformed(`must be of version 1, got ${show(version)}`);
  const count = (name: keyof BreakerSnapshot): number => figureOf(value, name, Number.isSafeInteger, "integer");
  const snapshot = {
    version,
    state: stateOf(Reflect.get(value, "state")),
    restLeftMs: figureOf(value, "restLeftMs", Number.isFinite, "number of milliseconds"),
    reopens: count("reopens"),
    consecutiveFailures: count("consecutiveFailures"),
    windowCalls: count("windowCalls"),
    windowFailures: count("windowFailures"),
    windowSlow: count("windowSlow"),
  } as const;
  if (snapshot.windowFailures + snapshot.windowSlow > snapshot.windowCalls) {
    throw malformed("must have at least as many windowCalls as windowFailures and windowSlow together");
  }
  return snapshot;
}

function stateOf(state: unknown): BreakerSnapshot["state"] {
  if (state === "closed" || state === "open" || state === "half-open") return state;
  throw malformed(`must have the state "closed", "open" or "half-open", got ${show(state)}`);
}

function figureOf(
  value: object,
  name: keyof BreakerSnapshot,
  isOfKind: (figure: number) => boolean,
  kind: string,
): number {
  const figure: unknown = Reflect.get(value, name);
  if (typeof figure === "number" && isOfKind(figure) && figure >= 0) return figure;
  throw malformed(`must have a non-negative ${kind} as ${name}, got ${show(figure)}`);
}

function malformed(problem: string): TypeError {
  return new TypeError(`CircuitBreaker: restore ${problem}; give it what snapshot() gave, unchanged`);
}
