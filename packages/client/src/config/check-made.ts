/**
 * What a function of the options has made, if it has the methods.
 *
 * @throws TypeError where it has not; a promise is one such thing, and what it rejects with is nobody's
 */
export function checkMade<T>(option: string, methods: readonly string[], made: T): T {
  if (made instanceof Promise) made.catch(() => {});
  const missing = methods.find(
    (name) => typeof made !== "object" || made === null || typeof Reflect.get(made, name) !== "function",
  );
  if (missing === undefined) return made;
  throw new TypeError(`MinionClient: the function ${option} must give an object with a method ${missing}()`);
}
