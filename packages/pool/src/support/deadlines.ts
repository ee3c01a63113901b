import { Heap } from "../lists/heap.js";
import { Timer } from "./timer.js";

/** The deadlines that were set with one duration, earliest first. */
interface DeadlineList {
  readonly durationMs: number;
  /** The instant of the head. */
  at: number;
  head: Deadline;
  tail: Deadline;
  /** Place in the heap of `Deadlines`. */
  index: number;
}

/** Something to be done at an instant of `performance.now()`. */
export abstract class Deadline {
  at = 0;

  // Its place, kept by `Deadlines`.
  list: DeadlineList | undefined = undefined;
  sooner: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;

  get waiting(): boolean {
    return this.list !== undefined;
  }

  abstract run(): void;
}

/**
 * Any number of deadlines behind one timer, armed for the earliest of them.
 *
 * Most are set with one of a few durations. Those of one duration come in the order they were set in, so a list holds
 * them, and only the lists stand in a heap, as Node keeps its own timers: setting and cancelling cost the same however
 * many wait. Invariants: no list is empty; within a list the instants never fall.
 *
 * The timer exists only while something waits. A deadline of `Infinity` never comes, but holds the process alive where
 * the others do.
 */
export class Deadlines {
  readonly #lists = new Map<number, DeadlineList>();
  readonly #heap = new Heap<DeadlineList>(
    (a, b) => a.at < b.at,
    (list, index) => {
      list.index = index;
    },
  );
  readonly #holdProcess: boolean;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(holdProcess: boolean) {
    this.#holdProcess = holdProcess;
  }

  /** Sets a deadline that is not waiting, `durationMs` after `now`. */
  set(deadline: Deadline, now: number, durationMs: number): void {
    const list = this.#lists.get(durationMs);
    if (list === undefined) this.#open(deadline, now + durationMs, durationMs);
    else append(list, deadline, now + durationMs);
    if (deadline.at < this.#armedFor || this.#timer === undefined) this.#arm();
  }

  /** Where others wait the timer stays as it is, at worst too early: it is armed anew when it comes. */
  cancel(deadline: Deadline): void {
    if (deadline.list === undefined) return;
    this.#remove(deadline, deadline.list);
    if (this.#heap.size === 0) this.#arm();
  }

  #open(deadline: Deadline, at: number, durationMs: number): void {
    const list: DeadlineList = { durationMs, at, head: deadline, tail: deadline, index: -1 };
    deadline.at = at;
    deadline.list = list;
    this.#lists.set(durationMs, list);
    this.#heap.push(list);
  }

  #remove(deadline: Deadline, list: DeadlineList): void {
    const { sooner, later } = deadline;
    if (later !== undefined) later.sooner = sooner;
    else if (sooner !== undefined) list.tail = sooner;
    if (sooner !== undefined) sooner.later = later;
    else this.#behead(list, later);
    deadline.list = undefined;
    deadline.sooner = undefined;
    deadline.later = undefined;
  }

  /** The next one becomes the head; where there is none, the list goes. */
  #behead(list: DeadlineList, next: Deadline | undefined): void {
    if (next === undefined) {
      this.#heap.remove(list.index);
      this.#lists.delete(list.durationMs);
    } else {
      list.head = next;
      list.at = next.at;
      this.#heap.move(list.index);
    }
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
    for (let next = this.#heap.peek()?.head; next?.list && next.at <= now; next = this.#heap.peek()?.head) {
      this.#remove(next, next.list);
      next.run();
    }
    this.#arm();
  }
}

function append(list: DeadlineList, deadline: Deadline, at: number): void {
  const { tail } = list;
  // Whoever sets it may have read the clock a little earlier than the one before: rather late by that than out of order.
  deadline.at = Math.max(at, tail.at);
  deadline.list = list;
  deadline.sooner = tail;
  tail.later = deadline;
  list.tail = deadline;
}
