/**
 * Ends this process by itself some time after the process that started it is gone, so that a test that died leaves
 * nothing forever. It waits long enough not to do a client's work for it.
 */
export class ParentWatch {
  readonly #maxLifeMs: number;
  readonly #onExpiry: () => void;
  readonly #parent = process.ppid;
  #timer: NodeJS.Timeout | undefined;
  #orphanedAt: number | undefined;

  constructor(maxLifeMs: number, onExpiry: () => void) {
    this.#maxLifeMs = maxLifeMs;
    this.#onExpiry = onExpiry;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.check(), Math.min(1_000, Math.max(50, this.#maxLifeMs / 2))).unref();
  }

  /** What the timer does; a loop that lets no timer run calls it itself. */
  check(): void {
    if (process.ppid === this.#parent) return;
    this.#orphanedAt ??= performance.now();
    if (performance.now() - this.#orphanedAt >= this.#maxLifeMs) this.#onExpiry();
  }
}
