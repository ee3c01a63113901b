/** Something that is given up when a signal aborts. */
export interface AbortTarget {
  aborted(reason: unknown): void;
}

/** One listener for each signal, however many targets it has: Node warns of a leak above ten, and each costs time. */
const watches = new WeakMap<AbortSignal, AbortWatch>();

class AbortWatch {
  readonly targets = new Set<AbortTarget>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this);
  }

  /** The signal has aborted. A target that leaves meanwhile is not told. */
  handleEvent(): void {
    for (const target of this.targets) {
      this.targets.delete(target);
      target.aborted(this.#signal.reason);
    }
    this.end();
  }

  end(): void {
    this.#signal.removeEventListener("abort", this);
    watches.delete(this.#signal);
  }
}

/** Has `target` told once when `signal` aborts, which it has not done yet. */
export function watchAbort(signal: AbortSignal, target: AbortTarget): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    watch = new AbortWatch(signal);
    watches.set(signal, watch);
  }
  watch.targets.add(target);
}

/** Ends that. The listener goes with the last target. */
export function unwatchAbort(signal: AbortSignal, target: AbortTarget): void {
  const watch = watches.get(signal);
  if (watch?.targets.delete(target) && watch.targets.size === 0) watch.end();
}
