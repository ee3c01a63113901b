import { Timer } from "./timer.js";
import { Waiters } from "./waiters.js";

/** What the owner of a flight is told. */
export interface FlightEvents<V> {
  /** Nobody is interested any more. Afterwards its signal aborts. */
  abandoned(flight: Flight<V>): void;
  /** Nobody waits, and it goes on for the cache's own sake. */
  unattended(flight: Flight<V>): void;
}

/**
 * A load in flight and those who wait for it.
 *
 * Somebody is interested as long as a caller waits or it runs in the background. It is abandoned when the last one loses
 * interest before it has ended, and ends once: with its own result, or given up for taking too long.
 */
export class Flight<V> {
  readonly key: string;
  /** On the monotonic clock: a load does not run while the machine sleeps. */
  readonly startedAt: number = performance.now();
  /** The groups that its value will belong to. */
  tags: readonly string[];
  /** Gives the load up. */
  readonly hardTimer: Timer = new Timer();
  /** Lets those who wait have an old value. */
  readonly softTimer: Timer = new Timer();
  readonly #controller = new AbortController();
  readonly #events: FlightEvents<V>;
  /** Made when somebody waits, since a promise keeps the async context in which it was made. */
  #waiters: Waiters<V> | undefined;
  #isBackground = false;
  #state: "under way" | "ended" | "abandoned" = "under way";

  constructor(key: string, tags: readonly string[], events: FlightEvents<V>) {
    this.key = key;
    this.tags = tags;
    this.#events = events;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ageMs(): number {
    return performance.now() - this.startedAt;
  }

  /** Whether a caller is there to be told how it ended. */
  get isAwaited(): boolean {
    return this.#waiters !== undefined && this.#waiters.count > 0;
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  get isAbandoned(): boolean {
    return this.#state === "abandoned";
  }

  /** Lets it go on for the cache's own sake, whoever leaves. */
  keepInBackground(): void {
    this.#isBackground = true;
    this.#checkInterest(undefined);
  }

  /** Ends the cache's own interest: the result will not be stored. Those who wait still get it. */
  release(): void {
    this.#isBackground = false;
    this.#checkInterest(undefined);
  }

  /** Waits for the result, or for the caller's own abort. */
  join(signal: AbortSignal | undefined): Promise<V> {
    this.#waiters ??= new Waiters();
    const waiters = this.#waiters;
    return waiters.join(signal, (reason) => {
      if (waiters === this.#waiters) this.#checkInterest(reason);
    });
  }

  /** Lets those who wait have `value` now, and goes on in the background. */
  serve(value: V): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    this.keepInBackground();
    waiters?.resolve(value);
  }

  resolve(value: V): void {
    this.#end();
    this.#waiters?.resolve(value);
  }

  reject(error: unknown): void {
    this.#end();
    this.#waiters?.reject(error);
  }

  /** Tells the load that its result is not wanted. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  #checkInterest(reason: unknown): void {
    if (this.isAwaited || this.#state !== "under way") return;
    if (this.#isBackground) {
      this.#events.unattended(this);
      return;
    }
    this.#stop("abandoned");
    this.#events.abandoned(this);
    this.abort(reason);
  }

  #end(): void {
    if (this.#state === "under way") this.#stop("ended");
  }

  #stop(state: "ended" | "abandoned"): void {
    this.#state = state;
    this.hardTimer.stop();
    this.softTimer.stop();
  }
}
