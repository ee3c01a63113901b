/** Throws a TypeError unless `options` is an object whose keys are all known. */
export function checkKeys(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${owner}: options must be an object, got ${String(options)}`);
  for (const key of Object.keys(options))
    if (!known.includes(key)) throw new TypeError(`${owner}: unknown option ${key}; known are ${known.join(", ")}`);
}

/** Throws unless `value` is an integer within the limits. */
export function checkInteger(owner: string, option: string, value: number, min: number, max: number): void {
  const rule = `${owner}: ${option} must be an integer from ${min} to ${max}, got ${String(value)}`;
  if (typeof value !== "number") throw new TypeError(rule);
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(rule);
}

/** Throws a TypeError unless `source` has all these methods. */
export function checkMethods(owner: string, source: object, methods: readonly string[]): void {
  for (const method of methods)
    if (typeof source !== "object" || source === null || typeof Reflect.get(source, method) !== "function")
      throw new TypeError(`${owner} must have a method ${method}(), got ${String(source)}`);
}
