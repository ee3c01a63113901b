/** For an error that nobody is to be told of. */
export const ignore = (): void => {};

/** Calls a callback of the user's; whether it throws or rejects changes nothing. */
export function notify<T>(callback: ((event: T) => void) | undefined, event: T): void {
  if (callback === undefined) return;
  try {
    dropRejection(callback(event));
  } catch {
    // The caller of the cache did not ask for this; only the owner of the callback could mend it.
  }
}

/** Sees to it that a function that was to answer at once, and gave a promise instead, ends no process by rejecting it. */
export function dropRejection(returned: unknown): void {
  if (typeof returned === "object" && returned !== null) Promise.resolve(returned).catch(ignore);
}
