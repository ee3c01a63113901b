const ignore = (): void => {};

/**
 * A load in flight and those who wait for it.
 *
 * Somebody is interested as long as it runs in the background or a caller waits. When the last one loses interest
 * before it has settled, `onAbandoned` is called and then the load's signal aborts.
 */
export class Flight<V> {
  readonly #controller = new AbortController();
  readonly #onAbandoned: () => void;
  readonly #result: Promise<V>;
  #settle: { readonly resolve: (value: V) => void; readonly reject: (error: unknown) => void } = {
    resolve: ignore,
    reject: ignore,
  };
  /** What callers with the same signal wait for: they leave together, and one listener is enough for all of them. */
  readonly #bySignal = new Map<AbortSignal, Promise<V>>();
  #waiting = 0;
  #background = false;
  #settled = false;

  constructor(onAbandoned: () => void) {
    this.#onAbandoned = onAbandoned;
    this.#result = new Promise<V>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether a caller is there to be told how it ended. */
  get awaited(): boolean {
    return this.#waiting > 0;
  }

  get abandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Lets it go on for the cache's own sake, whoever leaves. Its failure is nobody's unhandled rejection. */
  keepInBackground(): void {
    if (this.#background) return;
    this.#background = true;
    this.#result.catch(ignore);
  }

  /** Ends the cache's own interest: the result will not be stored. Those who wait still get it. */
  release(): void {
    this.#background = false;
    this.#abandonIfUnwanted(undefined);
  }

  /** Waits for the result, or for the caller's own abort. A caller without a signal can never leave. */
  join(signal: AbortSignal | undefined): Promise<V> {
    const known = signal === undefined ? undefined : this.#bySignal.get(signal);
    if (known !== undefined) return known;
    this.#waiting += 1;
    if (signal === undefined) return this.#result;
    const result = new Promise<V>((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason);
        this.#waiting -= 1;
        this.#abandonIfUnwanted(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      const stay = (): void => signal.removeEventListener("abort", leave);
      this.#result.then(resolve, reject).finally(stay);
    });
    this.#bySignal.set(signal, result);
    return result;
  }

  resolve(value: V): void {
    this.#settled = true;
    this.#settle.resolve(value);
  }

  reject(error: unknown): void {
    this.#settled = true;
    this.#settle.reject(error);
  }

  #abandonIfUnwanted(reason: unknown): void {
    if (this.#waiting > 0 || this.#background || this.#settled) return;
    this.#onAbandoned();
    this.#controller.abort(reason);
  }
}
