interface Waiting {
  readonly enter: () => void;
  readonly since: number;
}

/** How wide a {@link Lane} is. */
export interface LaneOptions {
  /** How many it lets through at a time. */
  readonly width: number;
  /** How wide it may become. */
  readonly maxWidth: number;
  /** Milliseconds after which somebody who waits widens it. */
  readonly patienceMs: number;
  /** Milliseconds for which it has to be empty to become as it was. */
  readonly restMs: number;
}

/** Lets few through at a time while they are quick, and more where they are slow, in the order in which they came. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting = new Set<Waiting>();
  #width: number;
  #inside = 0;
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
    if (this.#width > width && this.#inside === 0 && performance.now() - this.#emptyAt >= restMs) this.#width = width;
    if (this.#inside >= this.#width || this.#waiting.size > 0) await this.#wait(signal);
    else this.#inside += 1;
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#inside -= 1;
      this.#admit();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener("abort", leave);
        this.#waiting.delete(waiting);
        this.#watch();
      };
      const waiting: Waiting = {
        since: performance.now(),
        enter: () => {
          this.#inside += 1;
          end();
          resolve();
        },
      };
      const leave = (): void => {
        end();
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(waiting);
      this.#watch();
    });
  }

  #admit(): void {
    if (this.#inside === 0) this.#emptyAt = performance.now();
    for (const { enter } of this.#waiting) {
      if (this.#inside >= this.#width) return;
      enter();
    }
  }

  /** There is a timer while somebody waits and more room can be made. */
  #watch(): void {
    const [first] = this.#waiting;
    const { patienceMs, maxWidth } = this.#options;
    if (first === undefined || this.#width >= maxWidth) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setTimeout(() => this.#widen(), Math.max(1, first.since + patienceMs - performance.now()));
  }

  #widen(): void {
    this.#timer = undefined;
    const { patienceMs, maxWidth } = this.#options;
    const impatient = performance.now() - patienceMs;
    for (const { enter, since } of this.#waiting) {
      if (since > impatient || this.#inside >= maxWidth) break;
      this.#width = Math.max(this.#width, this.#inside + 1);
      enter();
    }
    this.#watch();
  }
}
