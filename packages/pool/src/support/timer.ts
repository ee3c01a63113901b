import { runInOwnContext } from "./own-context.js";

/** The longest delay that `setTimeout` can hold; it would fire at once for a longer one. */
const longestMs = 2 ** 31 - 1;

/**
 * A timeout of any length, `Infinity` included, that holds the process alive only where it is told to.
 *
 * It is armed a microtask later, because a timeout keeps the async context alive in which it was made, and runs in it.
 */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;
  #remainingMs: number;
  #cleared = false;
  readonly #holdsProcess: boolean;
  readonly #run: () => void;

  constructor(delayMs: number, holdsProcess: boolean, run: () => void) {
    this.#remainingMs = delayMs;
    this.#holdsProcess = holdsProcess;
    this.#run = run;
    runInOwnContext(() => this.#arm());
  }

  clear(): void {
    this.#cleared = true;
    clearTimeout(this.#handle);
  }

  #arm(): void {
    if (this.#cleared) return;
    const step = Math.min(this.#remainingMs, longestMs);
    this.#remainingMs -= step;
    this.#handle = setTimeout(() => (this.#remainingMs > 0 ? this.#arm() : this.#run()), step);
    // A browser's handle is a number.
    if (!this.#holdsProcess) this.#handle.unref?.();
  }
}

/** Keeps the process alive until the promise is settled, because somebody awaits it. */
export async function holdingProcess<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, longestMs);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
