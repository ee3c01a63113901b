/** What `setTimeout` can hold; anything longer it would fire at once. */
const longestMs = 2 ** 31 - 1;

/**
 * A timeout of any length, `Infinity` included, that holds the process alive only where it is told to.
 */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;
  #remainingMs: number;
  readonly #holdsProcess: boolean;
  readonly #run: () => void;

  constructor(delayMs: number, holdsProcess: boolean, run: () => void) {
    this.#remainingMs = delayMs;
    this.#holdsProcess = holdsProcess;
    this.#run = run;
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#handle);
  }

  #arm(): void {
    const step = Math.min(this.#remainingMs, longestMs);
    this.#remainingMs -= step;
    this.#handle = setTimeout(() => (this.#remainingMs > 0 ? this.#arm() : this.#run()), step);
    // A browser's handle is a number.
    if (!this.#holdsProcess) this.#handle.unref?.();
  }
}

/** Keeps the process alive until the promise is settled: somebody awaits it. */
export async function holdingProcess<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, longestMs);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
