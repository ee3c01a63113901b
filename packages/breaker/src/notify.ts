/** Tells a listener. What it throws or, being async, rejects with is dropped: it must not change an outcome. */
export function notify<T>(listener: (payload: T) => void, payload: T): void {
  try {
    dropRejection(listener(payload));
  } catch {}
}

/** Sees to it that a function that was to answer at once, and gave a promise instead, ends no process by rejecting it. */
export function dropRejection(returned: unknown): void {
  if (returned instanceof Promise) returned.catch(() => {});
}
