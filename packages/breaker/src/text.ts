const longest = 100;

/** At most the first 100 characters of a text, so that no message grows with what it is given. */
export function shorten(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}

/** A value as it stands in a message, without calling anything of its own. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shorten(value));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return shorten(typeof value === "bigint" ? `${value}n` : String(value));
}

/** Throws a TypeError where an object is no literal, as a promise that was not awaited, and has none of the known members. */
export function checkKind(what: string, value: object, known: readonly string[]): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  if (!isPlain && !known.some((name) => name in value))
    throw new TypeError(`${what} must have at least one of ${known.join(", ")}; got ${show(value)} with none`);
}
