import { Heap } from "./heap.js";
import { Timer } from "./timer.js";

/** Something to be done in the background at an instant of `performance.now()`. */
export class Deadline {
  at = 0;
  /** Place in the heap of `Deadlines`; -1: not waiting. */
  index = -1;
  readonly run: () => void;

  constructor(run: () => void) {
    this.run = run;
  }

  get waiting(): boolean {
    return this.index >= 0;
  }
}

/**
 * All background work of a pool behind one timer, armed for the earliest of it.
 *
 * The timer does not hold the process alive and exists only while something waits.
 */
export class Deadlines {
  readonly #heap = new Heap<Deadline>(
    (a, b) => a.at < b.at,
    (deadline, index) => {
      deadline.index = index;
    },
  );
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  set(deadline: Deadline, at: number): void {
    this.#heap.remove(deadline.index);
    deadline.at = at;
    this.#heap.push(deadline);
    if (at < this.#armedFor) this.#arm();
  }

  cancel(deadline: Deadline): void {
    this.#heap.remove(deadline.index);
    if (this.#heap.size === 0) this.#arm();
  }

  #arm(): void {
    this.#timer?.clear();
    const next = this.#heap.peek();
    this.#armedFor = next?.at ?? Number.POSITIVE_INFINITY;
    // Rounded up, since a timeout counts whole milliseconds and must not come before its instant.
    this.#timer = next && new Timer(Math.max(1, Math.ceil(next.at - performance.now())), false, () => this.#run());
  }

  #run(): void {
    const now = performance.now();
    for (let next = this.#heap.peek(); next !== undefined && next.at <= now; next = this.#heap.peek()) {
      this.#heap.remove(next.index);
      next.run();
    }
    this.#arm();
  }
}
