import { Call, type Permit } from "./call.js";
import { checkCall, checkOperation } from "./check-call.js";
import { type BreakerOpenError, refusalOf } from "./errors.js";
import { Evidence, nothingShown } from "./evidence.js";
import { judge } from "./judge.js";
import { notify } from "./notify.js";
import { type CircuitBreakerOptions, type Settings, settingsOf, type Verdict } from "./options.js";
import { Overrides } from "./overrides.js";
import {
  asItStands,
  dueIn,
  type Glance,
  glanceAt,
  type HalfOpen,
  type Phase,
  probing,
  reopened,
  resting,
} from "./phase.js";
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
  readonly #evidence: Evidence;
  #phase: Phase = { kind: "closed" };
  /** When the state changed last, in epoch milliseconds and on the monotonic clock. */
  #changedAt: number = Date.now();
  #changedInstant: number = performance.now();
  /** Results of calls of another generation are in the tally and have no other effect. */
  #generation = 0;
  /** Replaced by `reset`: results of calls admitted before it go to a tally that nobody reads. */
  #tally = new Tally();
  readonly #overrides = new Overrides();

  constructor(options: CircuitBreakerOptions = {}) {
    this.#settings = settingsOf(options);
    this.name = this.#settings.name;
    this.#evidence = new Evidence(this.#settings.windowMs);
  }

  /** What it is doing now: "half-open" as soon as the rest is over, without a call being needed. */
  get state(): BreakerState {
    return this.#overrides.forced ?? this.#glance(performance.now()).kind;
  }

  /** Whole milliseconds until a call would be admitted: 0 now, `Infinity` while forced open, with all probes out the time to the oldest one's timeout. */
  get retryAfterMs(): number {
    return this.#retryAfterMs(this.#glance(performance.now()));
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
   * @throws BreakerOpenError (ERR_BREAKER_OPEN) where no call is admitted, TypeError for what is no operation or no signal;
   *   both as a rejection
   */
  execute<T>(operation: () => T | PromiseLike<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<T> {
    const signal = options?.signal;
    let call: Call | undefined;
    try {
      checkCall(operation, signal);
      if (signal?.aborted) return Promise.reject(signal.reason);
      const now = this.#start();
      const admitted = this.#admit(now);
      // Not thrown: to catch it here again would be a good part of what a refusal costs.
      if (admitted === undefined) return Promise.reject(this.#refusal(now));
      call = admitted;
      const result = signal ? runAbortable(operation, signal, () => this.#ignore(admitted)) : operation();
      return Promise.resolve<T>(result).then(
        (value) => {
          this.#end(admitted, true, value);
          return value;
        },
        (error: unknown) => {
          // The operation may hear of the abort before this breaker does.
          if (signal?.aborted && error === signal.reason) this.#ignore(admitted);
          else this.#end(admitted, false, error);
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
    const now = this.#start();
    const call = this.#admit(now);
    if (call === undefined) throw this.#refusal(now);
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
    const now = performance.now();
    return this.#stats(now, this.#glance(now));
  }

  #glance(now: number): Glance {
    return glanceAt(this.#phase, now, this.#settings.maxProbes);
  }

  #retryAfterMs({ restMs }: Glance): number {
    const { forced } = this.#overrides;
    if (forced !== undefined) return forced === "forced-open" ? Number.POSITIVE_INFINITY : 0;
    return Math.ceil(restMs);
  }

  /** When a call begins, with all done that fell due before. The clock is left alone where nothing depends on it: looking costs. */
  #start(): number {
    if (this.#phase.kind === "closed") return this.#settings.isTimed ? performance.now() : 0;
    const now = performance.now();
    this.#catchUp(now);
    return now;
  }

  /** A listener of what {@link #start} told may have changed everything: only here is decided. */
  #admit(now: number): Call | undefined {
    const phase = this.#phase;
    const isFree = phase.kind === "closed" || this.#retryAfterMs(this.#glance(now)) === 0;
    if (!isFree || this.#overrides.forced === "forced-open") return undefined;
    const call = new Call(now, this.#generation, this.#tally);
    if (phase.kind === "half-open") phase.probes.add(call);
    return call;
  }

  #refusal(now: number): BreakerOpenError {
    this.#tally.rejected += 1;
    const isOpen = this.#phase.kind === "open";
    const state = this.#overrides.forced === "forced-open" ? "forced-open" : isOpen ? "open" : "half-open";
    return refusalOf(this.name, state, this.#retryAfterMs(this.#glance(now)), this.#tally.lastFailure);
  }

  #end(call: Call, ok: boolean, result: unknown): void {
    const now = performance.now();
    if (!this.#settle(call, now)) return;
    const durationMs = now - call.admittedAt;
    const verdict = judge(this.#settings.classify, ok, result, durationMs);
    const isSlow = verdict === "success" && durationMs >= this.#settings.slowCallMs;
    if (verdict === "failure") call.tally.lastFailure = result;
    this.#count(call, verdict, isSlow, now);
  }

  #ignore(call: Call): void {
    const now = performance.now();
    if (this.#settle(call, now)) this.#count(call, "ignored", false, now);
  }

  /** False where the call has ended, by its result or by the time-out of a probe, which may still wait to be told. */
  #settle(call: Call, now: number): boolean {
    if (call.settled) return false;
    call.settled = true;
    const due = dueIn(this.#phase, now);
    return due?.to !== "open" || due.probe !== call;
  }

  #count(call: Call, verdict: Verdict, isSlow: boolean, now: number): void {
    call.tally.add(verdict, isSlow, now);
    const phase = this.#phase;
    if (call.generation !== this.#generation || dueIn(phase, now) !== undefined) return;
    if (phase.kind === "half-open") phase.probes.delete(call);
    if (verdict === "ignored") return;
    const isFailure = verdict === "failure";
    const window = this.#evidence.add(now, isFailure, isSlow);
    if (phase.kind === "half-open") this.#weigh(phase, isFailure, now);
    else if (this.#overrides.forced === undefined) {
      const reason = tripReason(this.#settings, this.#evidence.consecutiveFailures, window);
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
    this.#evidence.clear();
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
    // Told late, it may not be the last that has fallen due: the figures are those of the state that is told.
    const stats = this.#stats(now, asItStands(this.#phase, now, this.#settings.maxProbes));
    notify(onStateChange, { name: this.name, from, to, at: epochOf(at, now), reason, stats });
  }

  #stats(now: number, glance: Glance): BreakerStats {
    return statsOf(this.#tally, now, {
      state: this.#overrides.forced ?? glance.kind,
      stateChangedAt: glance.movedAt === undefined ? this.#changedAt : epochOf(glance.movedAt, now),
      timeInStateMs: Math.max(0, now - (glance.movedAt ?? this.#changedInstant)),
      retryAfterMs: this.#retryAfterMs(glance),
      ...(glance.movedAt === undefined ? this.#evidence.at(now) : nothingShown),
    });
  }
}
