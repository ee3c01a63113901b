/** How wide a {@link Lane} is. */
export interface LaneOptions {
  /** How many it lets through at a time. */
  readonly width: number;
  /** How wide it may become. */
  readonly maxWidth: number;
  /** Milliseconds inside after which somebody is slow, and makes it one wider. */
  readonly slowMs: number;
  /** Milliseconds for which it has to be empty to become as it was. */
  readonly restMs: number;
}

interface Place {
  readonly since: number;
  isSlow: boolean;
}

/** Lets few through at a time while they are quick, and more where they are slow, in the order in which they came. */
export class Lane {
  readonly #options: LaneOptions;
  /** In the order in which they entered. */
  readonly #inside = new Set<Place>();
  readonly #waiting = new Set<(place: Place) => void>();
  #width: number;
  #emptyAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#width = options.width;
  }

  /** Resolves with the function that makes room again; rejects with `signal.reason` on abort. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const { width, restMs } = this.#options;
    if (this.#inside.size === 0 && performance.now() - this.#emptyAt >= restMs) this.#width = width;
    const isFree = this.#inside.size < this.#width && this.#waiting.size === 0;
    const place = isFree ? this.#take() : await this.#wait(signal);
    return () => {
      if (!this.#inside.delete(place)) return;
      if (this.#inside.size === 0) this.#emptyAt = performance.now();
      this.#admit();
    };
  }

  #take(): Place {
    const place = { since: performance.now(), isSlow: false };
    this.#inside.add(place);
    return place;
  }

  #wait(signal: AbortSignal): Promise<Place> {
    return new Promise((resolve, reject) => {
      const enter = (place: Place): void => {
        signal.removeEventListener("abort", leave);
        resolve(place);
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        this.#watch();
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(enter);
      this.#watch();
    });
  }

  #admit(): void {
    for (const enter of this.#waiting) {
      if (this.#inside.size >= this.#width) break;
      this.#waiting.delete(enter);
      enter(this.#take());
    }
    this.#watch();
  }

  /** There is a timer while somebody waits and more room can be made. */
  #watch(): void {
    if (this.#waiting.size === 0 || this.#width >= this.#options.maxWidth) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    for (const { since, isSlow } of this.#inside) {
      if (isSlow) continue;
      const dueInMs = Math.max(1, since + this.#options.slowMs - performance.now());
      // What came while this process was busy is to be seen first: it is not the server that was slow.
      this.#timer = setTimeout(() => setImmediate(() => this.#widen()), dueInMs);
      return;
    }
  }

  #widen(): void {
    this.#timer = undefined;
    const { slowMs, maxWidth } = this.#options;
    const now = performance.now();
    for (const place of this.#inside) {
      if (place.isSlow || now - place.since < slowMs || this.#width >= maxWidth) continue;
      place.isSlow = true;
      this.#width += 1;
    }
    this.#admit();
  }
}
