/** A value as it is told in an error: cut, since it may be of any length. */
export function shown(value: unknown): string {
  const text = typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** What a source gave, unless that is a promise: then a TypeError, and what the promise rejects with is nobody's. */
export function atOnce<T>(given: T): T {
  if (!(given instanceof Promise)) return given;
  given.catch(() => {});
  throw new TypeError("Metrics: a source must answer at once, got a promise");
}

/**
 * Throws a TypeError unless `options` is an object whose keys are all known. One that is no literal, as a promise that was
 * not awaited, must have one of them at least.
 */
export function checkKeys(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`${owner}: options must be an object, got ${shown(options)}`);
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new TypeError(`${owner}: unknown option ${shown(key)}; known are ${known.join(", ")}`);
  const prototype: unknown = Object.getPrototypeOf(options);
  const isPlain = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  if (!isPlain && !known.some((key) => key in options))
    throw new TypeError(
      `${owner}: options must have at least one of ${known.join(", ")}; got ${shown(options)} with none`,
    );
}

/** Throws unless `value` is an integer within the limits. */
export function checkInteger(owner: string, option: string, value: number, min: number, max: number): void {
  const rule = `${owner}: ${option} must be an integer from ${min} to ${max}, got ${shown(value)}`;
  if (typeof value !== "number") throw new TypeError(rule);
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(rule);
}

/** Throws a TypeError unless `source` has all these methods. */
export function checkMethods(owner: string, source: object, methods: readonly string[]): void {
  for (const method of methods)
    if (typeof source !== "object" || source === null || typeof Reflect.get(source, method) !== "function")
      throw new TypeError(`${owner} must have a method ${method}(), got ${shown(source)}`);
}
