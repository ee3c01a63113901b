import { dropRejection } from "./notify.js";

/** Renders a value for an error message, short and without calling anything of its own. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** Throws a TypeError unless `value` is of the wanted kind; `what` reads like "Cache: policy". */
export function checkType(kind: "string" | "boolean" | "function", value: unknown, what: string): void {
  if (typeof value !== kind) throw new TypeError(`${what} must be a ${kind}, got ${show(value)}`);
}

/** Throws unless `value` is a number that passes; `rule` completes the sentence "... must be". */
export function checkNumber(value: unknown, what: string, rule: string, passes: (value: number) => boolean): void {
  if (typeof value !== "number") throw new TypeError(`${what} must be ${rule}, got ${show(value)}`);
  if (!passes(value)) throw new RangeError(`${what} must be ${rule}, got ${value}`);
}

/** Throws unless `value` is a duration: not negative, in milliseconds, `Infinity` allowed. */
export function checkDuration(value: unknown, what: string): void {
  checkNumber(value, what, "a number of milliseconds >= 0 or Infinity", (ms) => ms >= 0);
}

/** Throws unless `value` is a duration above 0, in milliseconds, `Infinity` allowed. */
export function checkPeriod(value: unknown, what: string): void {
  checkNumber(value, what, "a number of milliseconds > 0 or Infinity", (ms) => ms > 0);
}

/** Throws unless `value` is an array of strings. */
export function checkTags(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw new TypeError(`${what} must be an array of strings, got ${show(value)}`);
  for (const tag of value) checkType("string", tag, `${what}: each tag`);
}

/** Throws unless `value` is one of the words. */
export function checkWord(words: readonly string[], value: unknown, what: string): void {
  const rule = `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  if (typeof value !== "string") throw new TypeError(`${what} must be ${rule}, got ${show(value)}`);
  if (!words.includes(value)) throw new RangeError(`${what} must be ${rule}, got ${show(value)}`);
}

/** The answer of a question to be answered at once. A promise is as true as any object, whatever it will say: it is refused. */
export function checkAnswer(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return Boolean(answer);
  dropRejection(answer);
  throw new TypeError("Cache.invalidateWhere: matches must answer at once, got a promise; it cannot be async");
}

/**
 * Throws unless `value` is an object with none but the known members. One that is no literal, as a promise that was not
 * awaited, must have one of them at least.
 */
export function checkMembers(value: unknown, known: ReadonlySet<string>, what: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${what} must be an object, got ${show(value)}`);
  for (const name in value)
    if (!known.has(name))
      throw new TypeError(`${what} has no member ${show(name)}; the known ones are ${[...known].join(", ")}`);
  if (!isPlain(value) && ![...known].some((name) => name in value))
    throw new TypeError(`${what} must have at least one of ${[...known].join(", ")}; got ${show(value)} with none`);
}

/** True for an object literal, of whatever realm, and for one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Throws unless `value` can be listened to as an AbortSignal, also one of another realm. */
export function checkSignal(value: unknown, what: string): void {
  const fits =
    typeof value === "object" &&
    value !== null &&
    "aborted" in value &&
    "addEventListener" in value &&
    typeof value.addEventListener === "function" &&
    "removeEventListener" in value &&
    typeof value.removeEventListener === "function";
  if (!fits) throw new TypeError(`${what} must be an AbortSignal, got ${show(value)}`);
}
