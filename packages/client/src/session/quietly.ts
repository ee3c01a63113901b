/** Runs a callback of the application, which may throw or reject without consequence. */
export function quietly(callback: () => unknown): void {
  try {
    const result = callback();
    if (result instanceof Promise) result.catch(() => {});
  } catch {
    // Its own affair.
  }
}
