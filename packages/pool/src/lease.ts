/** The right to use a resource until it is given back: by `release`, `destroy`, or the end of a `using` block. */
export interface Lease<R> extends Disposable {
  /** The key it was acquired for. */
  readonly key: string;
  /** The resource. Reading it after `release` or `destroy` throws `PoolLeaseReleasedError`: another caller may have it. */
  readonly resource: R;
  /** Milliseconds since the resource was created. */
  readonly ageMs: number;
  /** Milliseconds the resource had rested when it was lent; 0 where it had not. */
  readonly idleMs: number;
  /** How often the resource has been lent, this lease included. */
  readonly uses: number;
  /**
   * Aborts when the resource is lost while this lease is held: it died, another of its leases destroyed it, or `clear` or
   * `close` took it by force. The reason is the cause, as far as it is known.
   */
  readonly signal: AbortSignal;
  /** Gives the resource back, once; later calls do nothing. */
  release(): void;
  /**
   * Ends the lease and has the resource destroyed instead of lent again. Other leases of a shared one see their signal
   * abort with `cause`, and the last of them ends it. Resolves when it is destroyed; at once where the lease had ended.
   */
  destroy(cause?: unknown): Promise<void>;
}
