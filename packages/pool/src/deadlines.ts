import { Heap } from "./heap.js";
import { Timer } from "./timer.js";

/** Something to be done at an instant of `performance.now()`. */
export abstract class Deadline {
  at = 0;
  /** Place in the heap of `Deadlines`; -1: not waiting. */
  index = -1;

  get waiting(): boolean {
    return this.index >= 0;
  }

  abstract run(): void;
}

/**
 * Any number of deadlines behind one timer, armed for the earliest of them.
 *
 * The timer exists only while something waits. A deadline of `Infinity` never comes, but holds the process alive where
 * the others do.
 */
export class Deadlines {
  readonly #heap = new Heap<Deadline>(
    (a, b) => a.at < b.at,
    (deadline, index) => {
      deadline.index = index;
    },
  );
  readonly #holdProcess: boolean;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(holdProcess: boolean) {
    this.#holdProcess = holdProcess;
  }

  /** Sets a deadline that is not waiting. */
  set(deadline: Deadline, at: number): void {
    deadline.at = at;
    this.#heap.push(deadline);
    if (at < this.#armedFor || this.#timer === undefined) this.#arm();
  }

  /** Where others wait the timer stays as it is, at worst too early: it is armed anew when it comes. */
  cancel(deadline: Deadline): void {
    if (!deadline.waiting) return;
    this.#heap.remove(deadline.index);
    if (this.#heap.size === 0) this.#arm();
  }

  #arm(): void {
    this.#timer?.clear();
    const next = this.#heap.peek();
    this.#armedFor = next?.at ?? Number.POSITIVE_INFINITY;
    // Rounded up, since a timeout counts whole milliseconds and must not come before its instant.
    const delay = Math.max(0, Math.ceil(this.#armedFor - performance.now()));
    this.#timer = next && new Timer(delay, this.#holdProcess, () => this.#run());
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
