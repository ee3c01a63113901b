/** Throws a TypeError for what is no operation or no signal: a slip of the caller's must not count against what is called. */
export function checkCall(operation: unknown, signal: unknown): void {
  checkOperation(operation);
  if (signal !== undefined) checkSignal(signal);
}

/** Throws a TypeError unless `operation` can be called. */
export function checkOperation(operation: unknown): void {
  if (typeof operation === "function") return;
  throw new TypeError(`CircuitBreaker: operation must be a function, got ${show(operation)}`);
}

/** Whatever can be listened to as an AbortSignal is one, also one of another realm. */
function checkSignal(signal: unknown): void {
  const fits =
    typeof signal === "object" &&
    signal !== null &&
    "aborted" in signal &&
    "addEventListener" in signal &&
    typeof signal.addEventListener === "function";
  if (!fits) throw new TypeError(`CircuitBreaker: signal must be an AbortSignal, got ${show(signal)}`);
}

/** A value as it stands in a message, without calling anything of its own. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
