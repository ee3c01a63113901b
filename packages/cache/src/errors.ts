/** A load ran longer than `loadTimeoutMs` and was given up. Test for `code`, not for the class. */
export class CacheLoadTimeoutError extends Error {
  override readonly name = "CacheLoadTimeoutError";
  readonly code = "ERR_CACHE_LOAD_TIMEOUT";
  /** The key that was loaded. */
  readonly key: string;
  /** The limit, in milliseconds. */
  readonly timeoutMs: number;

  constructor(key: string, timeoutMs: number) {
    const shown = key.length <= 100 ? key : `${key.slice(0, 97)}...`;
    super(
      `Cache: the load of "${shown}" took longer than ${timeoutMs} ms and was given up; make it faster or raise loadTimeoutMs`,
    );
    this.key = key;
    this.timeoutMs = timeoutMs;
  }
}
