/** For an error that nobody is to be told of. */
export const ignore = (): void => {};

/** Calls a callback of the user's; whether it throws or rejects changes nothing. */
export function notify<T>(callback: ((event: T) => void) | undefined, event: T): void {
  if (callback === undefined) return;
  try {
    const result: unknown = callback(event);
    if (result !== undefined) Promise.resolve(result).catch(ignore);
  } catch {
    // The caller of the cache did not ask for this; only the owner of the callback could mend it.
  }
}
