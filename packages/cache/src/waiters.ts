import { onAbort } from "./abort-listeners.js";
import { ignore } from "./notify.js";

/** The callers who wait for one result. They hold one promise, and those with a signal one for each signal. */
export class Waiters<V> {
  readonly #result: Promise<V>;
  #settle: { readonly resolve: (value: V) => void; readonly reject: (error: unknown) => void } = {
    resolve: ignore,
    reject: ignore,
  };
  /** What callers with the same signal wait for: they leave together. */
  readonly #bySignal = new Map<AbortSignal, Promise<V>>();
  #count = 0;

  constructor() {
    this.#result = new Promise<V>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  get count(): number {
    return this.#count;
  }

  /** Waits for the result, or for the caller's own abort, after which `onLeft` is called. A caller without a signal never leaves. */
  join(signal: AbortSignal | undefined, onLeft: (reason: unknown) => void): Promise<V> {
    const known = signal === undefined ? undefined : this.#bySignal.get(signal);
    if (known !== undefined) return known;
    this.#count += 1;
    if (signal === undefined) return this.#result;
    const result = new Promise<V>((resolve, reject) => {
      const stay = onAbort(signal, () => {
        reject(signal.reason);
        this.#count -= 1;
        onLeft(signal.reason);
      });
      this.#result.then(resolve, reject).finally(stay);
    });
    this.#bySignal.set(signal, result);
    return result;
  }

  resolve(value: V): void {
    this.#settle.resolve(value);
  }

  reject(error: unknown): void {
    this.#settle.reject(error);
  }
}
