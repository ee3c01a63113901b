/** Whether a value can hold options. A map, or a promise that was not awaited, is an object without any. */
export function isOptions(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isLiteral = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  return isLiteral || Object.keys(value).length > 0;
}
