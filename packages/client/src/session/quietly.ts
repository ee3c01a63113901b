/** Runs a callback of the application, which may throw or reject without consequence. */
export function quietly(callback: () => unknown): void {
  try {
    const result = callback();
    if (result instanceof Promise) forget(result);
  } catch {
    // What a callback throws is no concern of the call that it is told of.
  }
}

/** For an error that something else tells of as well. */
export function ignore(): void {}

/** For a promise whose outcome is nobody's concern any more. */
export function forget(promise: Promise<unknown> | undefined): void {
  promise?.catch(ignore);
}
