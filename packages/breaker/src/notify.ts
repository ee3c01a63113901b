/** Tells a listener. What it throws or, being async, rejects with is dropped: it must not change an outcome. */
export function notify<T>(listener: (payload: T) => void, payload: T): void {
  try {
    const returned: unknown = listener(payload);
    if (returned instanceof Promise) returned.catch(() => {});
  } catch {}
}
