import { Call, type Permit } from "./call.js";
import { BreakerOpenError, withoutStack } from "./errors.js";
import { judge } from "./judge.js";
import { notify } from "./notify.js";
import { type CircuitBreakerOptions, type Settings, settingsOf, type Verdict } from "./options.js";
import { Overrides } from "./overrides.js";
import { dueIn, glanceAt, type HalfOpen, type Phase, probing, reopened, resting } from "./phase.js";
import { RollingWindow } from "./rolling-window.js";
import { runAbortable } from "./run-abortable.js";
import { type BreakerState, type BreakerStats, epochOf, type StateChange, statsOf, Tally } from "./stats.js";
import { tripReason } from "./trip-rules.js";

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
  readonly #window: RollingWindow;
  #phase: Phase = { kind: "closed" };
  /** When the state changed last, in epoch milliseconds and on the monotonic clock. */
  #changedAt: number = Date.now();
  #changedInstant: number = performance.now();
  /** Results of calls of another generation are in the tally and have no other effect. */
  #generation = 0;
  /** Replaced by `reset`: results of calls admitted before it go to a tally that nobody reads. */
  #tally = new Tally();
  #consecutiveFailures = 0;
  #consecutiveSuccesses = 0;
  readonly #overrides = new Overrides();

  constructor(options: CircuitBreakerOptions = {}) {
    this.#settings = settingsOf(options);
    this.name = this.#settings.name;
    this.#window = new RollingWindow(this.#settings.windowMs);
  }

  /** What it is doing now: "half-open" as soon as the rest is over, without a call being needed. */
  get state(): BreakerState {
    return this.#overrides.forced ?? glanceAt(this.#phase, performance.now(), this.#settings.maxProbes).kind;
  }

  /** Milliseconds until a call would be admitted: 0 now, `Infinity` while forced open, with all probes out the time to the oldest one's timeout. */
  get retryAfterMs(): number {
    return this.#retryAfterMs(performance.now());
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
   *   the operation does not listen. Already aborted, nothing runs.
   * @throws BreakerOpenError (ERR_BREAKER_OPEN) where no call is admitted
   */
  execute<T>(operation: () => T | PromiseLike<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<T> {
    const signal = options?.signal;
    let call: Call | undefined;
    try {
      if (signal?.aborted) throw signal.reason;
      const admitted = this.#admit();
      call = admitted;
      const result = signal ? runAbortable(operation, signal, () => this.#ignore(admitted)) : operation();
      // A promise of the platform settles once and as it should; anything else is made one first.
      const promise = result instanceof Promise ? result : Promise.resolve(result);
      return promise.then(
        (value: T) => {
          this.#end(admitted, true, value);
          return value;
        },
        (error: unknown) => {
          this.#end(admitted, false, error);
          throw error;
        },
      );
    } catch (error) {
      if (call !== undefined) this.#end(call, false, error);
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
    const call = this.#admit();
    return {
      success: (value) => this.#end(call, true, value),
      failure: (error) => this.#end(call, false, error),
      ignore: () => this.#ignore(call),
    };
  }

  /** `operation` with the breaker around it. */
  wrap<A extends unknown[], T>(operation: (...args: A) => T | PromiseLike<T>): (...args: A) => Promise<T> {
    return (...args) => this.execute(() => operation(...args));
  }

  /** Refuses every call until the handle is disposed, past any rest. Counted: with the last handle it is back in normal service, closed. */
  forceOpen(): Disposable {
    return this.#hold("open");
  }

  /** Admits and records every call and never trips until the handle is disposed; `forceOpen` wins over it. To close once and stay protected use {@link reset}. */
  forceClose(): Disposable {
    return this.#hold("closed");
  }

  /** Closed, no overrides, no history: every count is zero, and calls admitted before count nowhere. Told only where it was not closed. */
  reset(): void {
    const now = performance.now();
    this.#catchUp(now);
    const from = this.state;
    this.#overrides.clear();
    this.#tally = new Tally();
    this.#enter({ kind: "closed" }, now);
    if (from !== "closed") this.#tell(from, "closed", "reset", now);
  }

  /** A fresh snapshot of its figures. */
  stats(): BreakerStats {
    return this.#stats(performance.now());
  }

  #retryAfterMs(now: number): number {
    const forced = this.#overrides.forced;
    if (forced !== undefined) return forced === "forced-open" ? Number.POSITIVE_INFINITY : 0;
    return glanceAt(this.#phase, now, this.#settings.maxProbes).restMs;
  }

  #admit(): Call {
    const now = performance.now();
    if (this.#phase.kind !== "closed") this.#catchUp(now);
    // A listener of what has just been told may have changed everything: only now is decided.
    const phase = this.#phase;
    const isFree = phase.kind === "closed" ? this.#overrides.forced !== "forced-open" : this.#retryAfterMs(now) <= 0;
    if (!isFree) throw this.#refusal(now);
    const call = new Call(now, this.#generation, this.#tally, this.#settings.probeTimeoutMs);
    if (phase.kind === "half-open") phase.probes.add(call);
    return call;
  }

  #refusal(now: number): BreakerOpenError {
    this.#tally.rejected += 1;
    const { lastFailure } = this.#tally;
    const isOpen = this.#phase.kind === "open";
    const state = this.#overrides.forced === "forced-open" ? "forced-open" : isOpen ? "open" : "half-open";
    const options = lastFailure === undefined ? undefined : { cause: lastFailure };
    return withoutStack(() => new BreakerOpenError(this.name, state, this.#retryAfterMs(now), options));
  }

  #end(call: Call, ok: boolean, result: unknown): void {
    if (call.settled) return;
    call.settled = true;
    const now = performance.now();
    const durationMs = now - call.admittedAt;
    const verdict = judge(this.#settings.classify, ok, result, durationMs);
    const isSlow = verdict === "success" && durationMs >= this.#settings.slowCallMs;
    if (verdict === "failure" && !this.#hasTimedOut(call, now)) call.tally.lastFailure = result;
    this.#count(call, verdict, isSlow, now);
  }

  #ignore(call: Call): void {
    if (call.settled) return;
    call.settled = true;
    this.#count(call, "ignored", false, performance.now());
  }

  /** Whether the call is the probe whose time-out ends, or is about to be found to have ended, the half-open phase. */
  #hasTimedOut(call: Call, now: number): boolean {
    const due = dueIn(this.#phase, now);
    return due?.to === "open" && due.probe === call;
  }

  #count(call: Call, verdict: Verdict, isSlow: boolean, now: number): void {
    // Its failure is counted when the transition that fell due is done, and it stays there until then.
    if (this.#hasTimedOut(call, now)) return;
    call.tally.add(verdict, isSlow, now);
    const phase = this.#phase;
    if (call.generation !== this.#generation || dueIn(phase, now) !== undefined) return;
    if (phase.kind === "half-open") phase.probes.delete(call);
    if (verdict === "ignored") return;
    const isFailure = verdict === "failure";
    this.#window.add(now, isFailure, isSlow);
    this.#consecutiveFailures = isFailure ? this.#consecutiveFailures + 1 : 0;
    this.#consecutiveSuccesses = isFailure ? 0 : this.#consecutiveSuccesses + 1;
    if (phase.kind === "half-open") this.#weigh(phase, isFailure, now);
    else if (this.#overrides.forced === undefined) {
      const reason = tripReason(this.#settings, this.#consecutiveFailures, this.#window.at(now));
      if (reason !== undefined) this.#move(resting(this.#settings, now), reason, now);
    }
  }

  #weigh(phase: HalfOpen, isFailure: boolean, now: number): void {
    if (!isFailure) phase.successes += 1;
    if (isFailure) this.#move(reopened(phase, now), "probe-failed", now);
    else if (phase.successes >= this.#settings.successThreshold)
      this.#move({ kind: "closed" }, "probes-succeeded", now);
  }

  /** Does what time alone has brought about, one transition after the other, each at the instant it fell due. */
  #catchUp(now: number): void {
    for (let due = dueIn(this.#phase, now); due !== undefined; due = dueIn(this.#phase, now)) {
      if (due.to === "half-open") this.#move(probing(this.#settings, due.from), due.reason, due.at);
      else {
        due.probe.settled = true;
        this.#tally.add("failure", false, due.at);
        this.#move(reopened(due.from, due.at), due.reason, due.at);
      }
    }
  }

  #hold(side: "open" | "closed"): Disposable {
    this.#catchUp(performance.now());
    const from = this.state;
    const release = this.#overrides.hold(side);
    this.#override(from, "forced");
    return {
      [Symbol.dispose]: () => {
        const before = this.state;
        if (release()) this.#override(before, "released");
      },
    };
  }

  #override(from: BreakerState, reason: "forced" | "released"): void {
    const to = this.#overrides.forced ?? "closed";
    if (from === to) return;
    const now = performance.now();
    this.#enter({ kind: "closed" }, now);
    this.#changed(from, to, reason, now);
  }

  #move(phase: Phase, reason: StateChange["reason"], at: number): void {
    const from = this.#phase.kind;
    this.#enter(phase, at);
    this.#changed(from, phase.kind, reason, at);
  }

  /** Begins a new generation. Nothing of the one before it counts any more. */
  #enter(phase: Phase, at: number): void {
    this.#phase = phase;
    this.#changedInstant = at;
    this.#changedAt = epochOf(at, performance.now());
    this.#generation += 1;
    this.#window.clear();
    this.#consecutiveFailures = 0;
    this.#consecutiveSuccesses = 0;
  }

  #changed(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    this.#tally.transitions += 1;
    this.#tally.to[to] += 1;
    this.#tell(from, to, reason, at);
  }

  #tell(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    const { onStateChange } = this.#settings;
    if (onStateChange === undefined) return;
    const now = performance.now();
    notify(onStateChange, { name: this.name, from, to, at: epochOf(at, now), reason, stats: this.#stats(now) });
  }

  #stats(now: number): BreakerStats {
    const glance = glanceAt(this.#phase, now, this.#settings.maxProbes);
    const hasMoved = glance.movedAt !== undefined;
    return statsOf(this.#tally, now, {
      state: this.#overrides.forced ?? glance.kind,
      stateChangedAt: glance.movedAt === undefined ? this.#changedAt : epochOf(glance.movedAt, now),
      timeInStateMs: Math.max(0, now - (glance.movedAt ?? this.#changedInstant)),
      retryAfterMs: this.#retryAfterMs(now),
      consecutiveFailures: hasMoved ? 0 : this.#consecutiveFailures,
      consecutiveSuccesses: hasMoved ? 0 : this.#consecutiveSuccesses,
      window: hasMoved ? { calls: 0, failures: 0, slow: 0 } : this.#window.at(now),
    });
  }
}
