import { cut, quote } from "./quote.js";

/** What a number may be, in words and in code. */
export interface Rule {
  readonly says: string;
  readonly holds: (value: number) => boolean;
}

type RuleName =
  | "countOrInfinity"
  | "zeroOrMoreOrInfinity"
  | "zeroOrMore"
  | "share"
  | "duration"
  | "durationOrZero"
  | "anyNumber";

const infinite = Number.POSITIVE_INFINITY;

export const rules: Readonly<Record<RuleName, Rule>> = {
  countOrInfinity: {
    says: "a positive integer or Infinity",
    holds: (value) => value === infinite || (Number.isSafeInteger(value) && value > 0),
  },
  zeroOrMoreOrInfinity: {
    says: "an integer >= 0 or Infinity",
    holds: (value) => value === infinite || (Number.isSafeInteger(value) && value >= 0),
  },
  zeroOrMore: { says: "an integer >= 0", holds: (value) => Number.isSafeInteger(value) && value >= 0 },
  share: { says: "a number from 0 to 1", holds: (value) => value >= 0 && value <= 1 },
  duration: { says: "a number of milliseconds > 0, or Infinity", holds: (value) => value > 0 },
  durationOrZero: { says: "a number of milliseconds >= 0, or Infinity", holds: (value) => value >= 0 },
  anyNumber: { says: "a number, not NaN", holds: (value) => !Number.isNaN(value) },
};

/** Throws where `value` is neither undefined nor what the rule says. `what` names class or method and option. */
export function checkNumber(what: string, value: unknown, rule: Rule): void {
  if (value === undefined) return;
  if (typeof value !== "number") throw new TypeError(`${what} must be ${rule.says}, got ${show(value)}`);
  if (!rule.holds(value)) throw new RangeError(`${what} must be ${rule.says}, got ${value}`);
}

/** Throws a TypeError where `value` is neither undefined nor a function. */
export function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw new TypeError(`${what} must be a function, got ${show(value)}`);
}

/**
 * Throws a TypeError where `value` is not an object of options, or has one that is not known.
 *
 * An instance of a class has members of its own, so it is read by name; but it must have one of the options at least.
 */
export function checkOptions(what: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${what}: options must be an object, got ${show(value)}`);
  if (isPlain(value)) {
    for (const name of Object.keys(value))
      if (!known.includes(name))
        throw new TypeError(`${what}: unknown option ${cut(name)}; known are ${known.join(", ")}`);
  } else if (!known.some((name) => name in value)) {
    throw new TypeError(`${what}: options must have at least one of ${known.join(", ")}; got ${show(value)} with none`);
  }
}

/** True for an object literal, of whatever realm, and for one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Throws a TypeError where `signal` is neither undefined nor an AbortSignal, of whatever realm. */
export function checkSignal(what: string, signal: unknown): void {
  if (signal === undefined) return;
  const fits =
    typeof signal === "object" &&
    signal !== null &&
    "aborted" in signal &&
    "addEventListener" in signal &&
    typeof signal.addEventListener === "function" &&
    "removeEventListener" in signal &&
    typeof signal.removeEventListener === "function";
  if (!fits) throw new TypeError(`${what} must be an AbortSignal, got ${show(signal)}`);
}

/** Throws a TypeError where `key` is not a string. */
export function checkKey(what: string, key: unknown): void {
  if (typeof key !== "string") refuseKey(what, key);
}

function refuseKey(what: string, key: unknown): never {
  throw new TypeError(`${what} must be a string, got ${show(key)}`);
}

function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null
    ? `an ${Array.isArray(value) ? "array" : "object"}`
    : cut(typeof value === "bigint" ? `${value}n` : String(value));
}
