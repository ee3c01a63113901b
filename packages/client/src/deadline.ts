import { setMaxListeners } from "node:events";
import type { Cancellation } from "./cancellation.js";
import { CallTimeoutError, ClientClosedError, type Delivery, ServerNotFoundError } from "./errors.js";

/** What ended a deadline: its caller's signal, the time, the end of the client or of the server's place in it. */
export type DeadlineEnd = "caller" | "timeout" | "closing";

/** What a deadline that ends now has to say of its call. */
export interface Blame {
  /** Undefined where whoever is waited for does not know better. */
  readonly delivery?: Delivery | undefined;
  /** What kept the call waiting, where that is known. */
  readonly cause: unknown;
}

/** How long a call may take. */
export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** Whether progress starts `timeoutMs` anew, up to `maxTotalMs` in all. */
  readonly resetOnProgress: boolean;
  readonly maxTotalMs: number;
  /** Whether `pause` stops the clock, though not that of `maxTotalMs`. */
  readonly canPause?: boolean | undefined;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
}

/** The longest that a timer can wait for, in milliseconds; one that is set to more fires at once. */
export const longestTimerMs: number = 2_147_483_647;

/** The deadlines of all calls to one server: its end is theirs, and one timer serves them all. */
export class Deadlines {
  readonly #server: string;
  readonly #running = new Set<Deadline>();
  /** Wakes at the first of the times watched, or before. Left to itself while nothing runs: most calls end in time. */
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;
  readonly #closing = new AbortController();

  constructor(server: string) {
    this.#server = server;
    // Every call that waits for a connection listens to it.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Aborts when they all end. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  start(what: string, options: DeadlineOptions): Deadline {
    const deadline = new Deadline(this.#server, what, options, this);
    if (this.#running.size === 0) this.#timer?.ref();
    this.#running.add(deadline);
    const { aborted, reason } = this.closing;
    if (aborted) deadline.close(reason);
    return deadline;
  }

  /** To be called when a call has ended. */
  forget(deadline: Deadline): void {
    this.#running.delete(deadline);
    // A timer without a call to end must not keep the application's process alive.
    if (this.#running.size === 0) this.#timer?.unref();
  }

  /** Looks for deadlines that are over at `dueAt`. */
  watch(dueAt: number): void {
    if (dueAt >= this.#wakesAt || this.closing.aborted) return;
    clearTimeout(this.#timer);
    this.#wakesAt = dueAt;
    this.#timer = setTimeout(() => this.#wake(), Math.min(dueAt - performance.now(), longestTimerMs));
  }

  /** Ends those that run, and from now on every one as it starts. */
  close(reason: unknown): void {
    for (const deadline of [...this.#running]) deadline.close(reason);
    this.#closing.abort(reason);
    clearTimeout(this.#timer);
  }

  #wake(): void {
    this.#timer = undefined;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    // A timer may be early by the fraction of a millisecond.
    const now = performance.now() + 1;
    const running = [...this.#running];
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of running) if (dueAt > now) next = Math.min(next, dueAt);
    this.watch(next);
    for (const deadline of running) if (deadline.dueAt <= now) deadline.expire();
  }
}

/**
 * One deadline over everything that a call does. It aborts with the caller's own reason, with
 * {@link CallTimeoutError}, or with {@link ClientClosedError}; whoever waits for anything waits with it.
 */
export class Deadline implements Cancellation, Disposable {
  readonly #options: DeadlineOptions;
  readonly #server: string;
  readonly #what: string;
  readonly #endsAt: number;
  #pauses = 0;
  /** What is left while the clock stands. */
  #leftWhenPausedMs = 0;
  readonly #all: Deadlines;
  #dueAt: number;
  #delivery: Delivery = "not-sent";
  #wasLost = false;
  #onDone: (() => void) | undefined;
  #end: { readonly by: DeadlineEnd; readonly reason: unknown } | undefined;
  #blame: (() => Blame | undefined) | undefined;
  readonly #listeners = new Set<() => void>();
  /** Made where nothing less will do: it costs as much as all the rest of a call. */
  #controller: AbortController | undefined;

  constructor(server: string, what: string, options: DeadlineOptions, all: Deadlines) {
    this.#options = options;
    this.#server = server;
    this.#what = what;
    this.#all = all;
    const now = performance.now();
    this.#endsAt = now + (options.resetOnProgress || options.canPause ? options.maxTotalMs : options.timeoutMs);
    this.#dueAt = Math.min(now + options.timeoutMs, this.#endsAt);
    const { signal } = options;
    // One signal for many calls is no leak: each takes its listener off again.
    if (signal !== undefined) setMaxListeners(0, signal);
    signal?.addEventListener("abort", this);
    if (signal?.aborted) this.handleEvent();
    else all.watch(this.#dueAt);
  }

  /** When it is over, on the clock of `performance`; never, where it has ended. */
  get dueAt(): number {
    return this.#end === undefined ? this.#dueAt : Number.POSITIVE_INFINITY;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#end !== undefined) this.#controller.abort(this.#end.reason);
    return this.#controller.signal;
  }

  /** For waiting in a queue that keeps the time by itself; a rejection with `expire()` then ends the deadline too. */
  get acquireLimits(): { readonly signal: AbortSignal; readonly timeoutMs: number } {
    if (this.#options.signal !== undefined) return { signal: this.signal, timeoutMs: Number.POSITIVE_INFINITY };
    return { signal: this.#all.closing, timeoutMs: this.leftMs };
  }

  get aborted(): boolean {
    return this.#end !== undefined;
  }

  get reason(): unknown {
    return this.#end?.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** What ended it: the caller, the time, the client; undefined while it runs. */
  get end(): DeadlineEnd | undefined {
    return this.#end?.by;
  }

  /** Milliseconds left. */
  get leftMs(): number {
    return Math.max(0, this.#dueAt - performance.now());
  }

  /** Whether progress extends it. */
  get isExtended(): boolean {
    return this.#options.resetOnProgress;
  }

  /** From now on the server may be running the call. */
  markSent(): void {
    this.#delivery = "sent";
  }

  /** What was sent was refused: nothing has run after all, unless the answer to an earlier attempt was lost. */
  markNotSent(): void {
    if (!this.#wasLost) this.#delivery = "not-sent";
  }

  /** The answer was lost: whatever comes, the server may have run the call. */
  markLost(): void {
    this.#delivery = "sent";
    this.#wasLost = true;
  }

  /** From now on `blame` says what the call waits for, until something else does; undefined: nothing in particular. */
  blameOn(blame: (() => Blame | undefined) | undefined): void {
    this.#blame = blame;
  }

  /** What there is to say of the call now. */
  get blame(): Blame & { readonly delivery: Delivery } {
    const { delivery, cause } = this.#blame?.() ?? {};
    return { delivery: delivery ?? this.#delivery, cause };
  }

  /**
   * Stops the clock while the application answers what the server asks in the call, where its caller wants that. What is
   * returned starts it again, once; of several pauses the last to end counts.
   */
  pause(): () => void {
    if (!this.#options.canPause || this.#end !== undefined) return () => {};
    if (this.#pauses === 0) {
      this.#leftWhenPausedMs = this.leftMs;
      this.#dueAt = this.#endsAt;
    }
    this.#pauses += 1;
    let isPaused = true;
    return () => {
      if (!isPaused) return;
      isPaused = false;
      this.#pauses -= 1;
      if (this.#pauses > 0 || this.#end !== undefined) return;
      this.#dueAt = Math.min(performance.now() + this.#leftWhenPausedMs, this.#endsAt);
      this.#all.watch(this.#dueAt);
    };
  }

  /** Progress has arrived. */
  onProgress(): void {
    if (!this.#options.resetOnProgress || this.#end !== undefined) return;
    if (this.#pauses > 0) this.#leftWhenPausedMs = this.#options.timeoutMs;
    else this.#dueAt = Math.min(performance.now() + this.#options.timeoutMs, this.#endsAt);
  }

  /** Waits. Rejects with its reason where the deadline ends before. */
  wait(ms: number): Promise<void> {
    if (this.aborted) return Promise.reject(this.reason);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer);
        reject(this.reason);
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(abort);
        resolve();
      }, ms);
      this.#listeners.add(abort);
    });
  }

  /** The caller's signal has aborted. */
  handleEvent(): void {
    const { signal } = this.#options;
    this.#abort(endOf(signal?.reason), signal?.reason);
  }

  /** The client, or the server's place in it, is closed. */
  close(reason: unknown): void {
    const own = reason instanceof ClientClosedError;
    this.#abort("closing", own ? new ClientClosedError(this.#server, { delivery: this.blame.delivery }) : reason);
  }

  /** Its time is over. */
  expire(): void {
    const { resetOnProgress, canPause, timeoutMs, maxTotalMs } = this.#options;
    const isTotal = (resetOnProgress || canPause === true) && this.#dueAt >= this.#endsAt;
    const details = { timeoutMs: isTotal ? maxTotalMs : timeoutMs, ...this.blame };
    this.#abort("timeout", new CallTimeoutError(this.#server, this.#what, details));
  }

  /** Calls back when the call has ended. */
  onceDone(callback: () => void): void {
    this.#onDone = callback;
  }

  /** To be called when the call has ended. */
  [Symbol.dispose](): void {
    this.#onDone?.();
    this.#options.signal?.removeEventListener("abort", this);
    this.#all.forget(this);
  }

  #abort(by: DeadlineEnd, reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { by, reason };
    for (const listener of [...this.#listeners]) listener();
    this.#controller?.abort(reason);
  }
}

/** A fetch that all share ends with the last who waited for it: by that one's deadline, or by its own wish. */
function endOf(reason: unknown): DeadlineEnd {
  if (reason instanceof CallTimeoutError) return "timeout";
  return reason instanceof ClientClosedError || reason instanceof ServerNotFoundError ? "closing" : "caller";
}
