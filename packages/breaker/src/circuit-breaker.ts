import { Call, type Permit } from "./call.js";
import { checkOperation, signalOf } from "./check-call.js";
import type { ClockReading } from "./clock.js";
import { type BreakerOpenError, refusalOf } from "./errors.js";
import { askedRestMs, judge } from "./judge.js";
import { type CircuitBreakerOptions, type Settings, settingsOf } from "./options.js";
import { dueIn } from "./phase.js";
import { runAbortable } from "./run-abortable.js";
import type { BreakerSnapshot } from "./snapshot.js";
import { StateMachine } from "./state-machine.js";
import type { BreakerState, BreakerStats } from "./stats.js";

/** The start of a call where nothing depends on when it was. */
const untimed: ClockReading = { at: 0 };

/**
 * A circuit breaker: refuses calls while what is called is failing, and finds out by a few probes when that is over.
 *
 * Time moves it without a timer: whatever is read is true now, and a transition that fell due happens, and is told, at
 * the next call. Every admitted call belongs to the generation in which it was admitted, as in sony/gobreaker; every
 * transition begins a new one, so that a late result changes nothing.
 *
 * @throws TypeError | RangeError from the constructor, naming the option, its rule and the value
 */
export class CircuitBreaker {
  readonly name: string;
  readonly #settings: Settings;
  readonly #machine: StateMachine;

  constructor(options: CircuitBreakerOptions = {}) {
    this.#settings = settingsOf(options);
    this.name = this.#settings.name;
    this.#machine = new StateMachine(this.#settings);
  }

  /** What it is doing now: "half-open" as soon as the rest is over, without a call being needed. */
  get state(): BreakerState {
    return this.#machine.stateAt(this.#machine.clock.now());
  }

  /** Whole milliseconds until a call would be admitted: 0 now, `Infinity` while forced open, with all probes out the time to the oldest one's timeout. */
  get retryAfterMs(): number {
    return this.#machine.retryAfterMs(this.#machine.clock.now());
  }

  /** Whether it is open or forced open. */
  get isOpen(): boolean {
    return this.state === "open" || this.state === "forced-open";
  }

  /** Whether it is closed or forced closed. */
  get isClosed(): boolean {
    return this.state === "closed" || this.state === "forced-closed";
  }

  /** Whether it lets probes through. */
  get isHalfOpen(): boolean {
    return this.state === "half-open";
  }

  /**
   * Runs `operation` if a call is admitted and settles as it does, with the same value or the same error.
   *
   * @param options.signal the caller's own: its abort rejects with `signal.reason` at once and proves nothing, also where
   *   the operation does not listen. Already aborted, nothing runs. Any number of calls add one listener to it.
   * @throws BreakerOpenError (ERR_BREAKER_OPEN) where no call is admitted, TypeError for an operation that is not a
   *   function, a signal that is none or an unknown option; both as a rejection
   */
  execute<T>(operation: () => T | PromiseLike<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<T> {
    try {
      checkOperation(operation);
      const signal = options === undefined ? undefined : signalOf(options);
      if (signal?.aborted) return Promise.reject(signal.reason);
      const start = this.#start();
      const call = this.#admit(start);
      // Not thrown: to catch it here again would be a good part of what a refusal costs.
      if (call === undefined) return Promise.reject(this.#refusal(start.at));
      if (signal === undefined) return this.#run(call, operation);
      return this.#run(call, () => runAbortable(operation, signal, () => this.#ignore(call)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Admits one call without running it: the two-step form of {@link execute}, for streams and callbacks. Settle the permit
   * on every path; a probe that is not settled counts as failed after `probeTimeoutMs`.
   *
   * @throws BreakerOpenError (ERR_BREAKER_OPEN) where no call is admitted
   */
  admit(): Permit {
    const start = this.#start();
    const call = this.#admit(start);
    if (call === undefined) throw this.#refusal(start.at);
    return {
      success: (value) => this.#end(call, true, value),
      failure: (error) => this.#end(call, false, error),
      ignore: () => this.#ignore(call),
    };
  }

  /** `operation` with the breaker around it. */
  wrap<A extends unknown[], T>(operation: (...args: A) => T | PromiseLike<T>): (...args: A) => Promise<T> {
    checkOperation(operation);
    return (...args) => this.execute(() => operation(...args));
  }

  /** Refuses every call until the handle is disposed, past any rest. Counted: with the last handle it is back in normal service, closed. */
  forceOpen(): Disposable {
    return this.#machine.hold("open");
  }

  /** Admits and records every call and never trips until the handle is disposed; `forceOpen` wins over it. To close once and stay protected use {@link reset}. */
  forceClose(): Disposable {
    return this.#machine.hold("closed");
  }

  /** Closed, no overrides, no history: every count is zero, and calls admitted before count nowhere. Told only where it was not closed. */
  reset(): void {
    this.#machine.reset();
  }

  /**
   * Opens a closed or half-open breaker for its own rest, as a failure would: it recovers by probes. For a verdict that comes
   * from elsewhere, such as a health check or another process. Does nothing where it is open or forced.
   *
   * @param cause the `cause` of refusals until a call fails; left out, that stays the last failure
   */
  trip(cause?: unknown): void {
    this.#machine.trip(cause);
  }

  /** Ends the rest of an open breaker: it is half-open now. Does nothing in any other state or where it is forced. */
  endRest(): void {
    this.#machine.endRest();
  }

  /** Its state as plain JSON, from which the option `restore` of another breaker goes on, in a later process too. */
  snapshot(): BreakerSnapshot {
    return this.#machine.snapshotAt(this.#machine.clock.now());
  }

  /** A fresh copy of its figures. */
  stats(): BreakerStats {
    return this.#machine.statsAt(this.#machine.clock.now());
  }

  /** When a call begins, with all done that fell due before. The clock is not read where nothing depends on it: reading costs. */
  #start(): ClockReading {
    const machine = this.#machine;
    if (machine.phase.kind === "closed") {
      if (!this.#settings.isTimed) return untimed;
      if (this.#settings.classify === undefined) return machine.clock.cachedNow();
    }
    const at = machine.clock.now();
    machine.catchUp(at);
    return { at };
  }

  /** A listener of what {@link #start} told may have changed everything: only here is decided. */
  #admit(start: ClockReading): Call | undefined {
    const { phase, forced, generation, counters } = this.#machine;
    if (forced === "forced-open") return undefined;
    if (phase.kind !== "closed" && this.#machine.retryAfterMs(start.at) > 0) return undefined;
    const call = new Call(start, generation, counters);
    if (phase.kind === "half-open") phase.probes.add(call);
    return call;
  }

  #run<T>(call: Call, operation: () => T | PromiseLike<T>): Promise<T> {
    try {
      return Promise.resolve<T>(operation()).then(
        (value) => {
          this.#end(call, true, value);
          return value;
        },
        (error: unknown) => {
          this.#end(call, false, error);
          throw error;
        },
      );
    } catch (error) {
      this.#end(call, false, error);
      return Promise.reject(error);
    }
  }

  #refusal(now: number): BreakerOpenError {
    const { forced, phase, counters } = this.#machine;
    counters.rejected += 1;
    const state = forced === "forced-open" ? forced : phase.kind === "open" ? "open" : "half-open";
    return refusalOf(this.name, state, this.#machine.retryAfterMs(now), counters.lastFailure);
  }

  #end(call: Call, ok: boolean, result: unknown): boolean {
    const machine = this.#machine;
    const { classify, slowCallMs, restFor } = this.#settings;
    const isPresent = machine.phase.kind === "closed" && call.generation === machine.generation;
    if (ok && isPresent && classify === undefined && !call.settled) {
      call.settled = true;
      const now = machine.clock.cachedNow().at;
      machine.countSuccess(call, now - call.admittedAt >= slowCallMs, now);
      return true;
    }
    const now = machine.clock.now();
    if (!this.#settle(call, now)) return false;
    const durationMs = now - call.admittedAt;
    const verdict = judge(classify, ok, result, durationMs);
    if (verdict !== "failure")
      return machine.count(call, verdict, verdict === "success" && durationMs >= slowCallMs, now);
    const askedMs = askedRestMs(restFor, result);
    call.counters.lastFailure = result;
    return machine.count(call, verdict, false, now, askedMs);
  }

  #ignore(call: Call): boolean {
    const now = this.#machine.clock.now();
    return this.#settle(call, now) && this.#machine.count(call, "ignored", false, now);
  }

  /** False where the call has ended, by its result or by the time-out of a probe, which may still wait to be told. */
  #settle(call: Call, now: number): boolean {
    if (call.settled) return false;
    call.settled = true;
    const due = dueIn(this.#machine.phase, now);
    return due?.to !== "open" || due.probe !== call;
  }
}
