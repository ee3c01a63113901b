import { checkKind, shorten, show } from "./text.js";

/** Throws a TypeError unless `operation` can be called: a mistake of the caller's must not count against what is called. */
export function checkOperation(operation: unknown): void {
  if (typeof operation === "function") return;
  throw new TypeError(`CircuitBreaker: operation must be a function, got ${show(operation)}`);
}

/** The signal in the options of a call, if there is one. Throws a TypeError for a signal or options that are none. */
export function signalOf(options: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
  checkOptions(options);
  const { signal } = options;
  if (signal !== undefined) checkSignal(signal);
  return signal;
}

function checkOptions(options: unknown): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`CircuitBreaker: the options of execute must be an object, got ${show(options)}`);
  }
  for (const key in options) {
    if (key === "signal") continue;
    throw new TypeError(`CircuitBreaker: execute has no option "${shorten(key)}"; pass a signal as { signal }`);
  }
  checkKind("CircuitBreaker: the options of execute", options, ["signal"]);
}

/** Whatever can be listened to as an AbortSignal is one, also one of another realm. */
function checkSignal(signal: unknown): void {
  const fits =
    typeof signal === "object" &&
    signal !== null &&
    "aborted" in signal &&
    "addEventListener" in signal &&
    typeof signal.addEventListener === "function" &&
    "removeEventListener" in signal &&
    typeof signal.removeEventListener === "function";
  if (!fits) throw new TypeError(`CircuitBreaker: signal must be an AbortSignal, got ${show(signal)}`);
}
