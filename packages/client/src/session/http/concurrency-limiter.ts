import type { Cancellation } from "../../cancellation.js";

/** How wide a {@link ConcurrencyLimiter} is. */
export interface LimiterOptions {
  /** How many it lets through at a time while they are quick. */
  readonly width: number;
  /** How many it lets through at most. */
  readonly maxWidth: number;
  /** Milliseconds inside after which somebody is slow. */
  readonly slowMs: number;
}

interface Place {
  readonly since: number;
  isSlow: boolean;
}

/**
 * Lets few through at a time while they are quick, and more where they are slow, in the order in which they came: who is
 * slow does not count, and where the last ones were slow more are let in at once.
 */
export class ConcurrencyLimiter {
  readonly #options: LimiterOptions;
  /** In the order in which they entered. */
  readonly #inside = new Set<Place>();
  readonly #waiting = new Set<(leave: () => void) => void>();
  #width: number;
  #slow = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#width = options.width;
  }

  /** How many wait to be let in. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves with the function that makes room again; rejects with `signal.reason` on abort. */
  enter(signal: Cancellation): Promise<() => void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    // Both ways resolve the caller's own promise: whoever waited goes on before whoever comes at the same time.
    return this.#hasRoom && this.#waiting.size === 0 ? Promise.resolve(this.#take()) : this.#wait(signal);
  }

  get #hasRoom(): boolean {
    return this.#inside.size < Math.min(this.#options.maxWidth, this.#width + this.#slow);
  }

  #left({ isSlow, since }: Place): void {
    const { width, maxWidth, slowMs } = this.#options;
    if (isSlow) this.#slow -= 1;
    const step = performance.now() - since >= slowMs ? 1 : -1;
    this.#width = Math.min(maxWidth, Math.max(width, this.#width + step));
    this.#admit();
  }

  /** Lets somebody in. Returns what makes room again. */
  #take(): () => void {
    const place = { since: performance.now(), isSlow: false };
    this.#inside.add(place);
    return () => {
      if (this.#inside.delete(place)) this.#left(place);
    };
  }

  #wait(signal: Cancellation): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const enter = (makeRoom: () => void): void => {
        signal.removeEventListener("abort", leave);
        resolve(makeRoom);
      };
      const leave = (): void => {
        signal.removeEventListener("abort", leave);
        this.#waiting.delete(enter);
        this.#watch();
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave);
      this.#waiting.add(enter);
      this.#watch();
    });
  }

  #admit(): void {
    for (const enter of this.#waiting) {
      if (!this.#hasRoom) break;
      this.#waiting.delete(enter);
      enter(this.#take());
    }
    this.#watch();
  }

  /** There is a timer while somebody waits and more room can be made. */
  #watch(): void {
    if (this.#waiting.size === 0 || this.#inside.size >= this.#options.maxWidth) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    for (const { since, isSlow } of this.#inside) {
      if (isSlow) continue;
      const dueInMs = Math.max(1, since + this.#options.slowMs - performance.now());
      // What came while this process was busy is to be seen first: it is not the server that was slow.
      this.#timer = setTimeout(() => setImmediate(() => this.#look()), dueInMs);
      return;
    }
  }

  #look(): void {
    this.#timer = undefined;
    const slowSince = performance.now() - this.#options.slowMs;
    for (const place of this.#inside) {
      if (place.isSlow || place.since > slowSince) continue;
      place.isSlow = true;
      this.#slow += 1;
    }
    this.#admit();
  }
}
