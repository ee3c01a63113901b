import type { Call } from "./call.js";
import { Clock, type SleepListener } from "./clock.js";
import { Evidence, type EvidenceFigures, noEvidence } from "./evidence.js";
import { notify } from "./notify.js";
import type { Settings, Verdict } from "./options.js";
import { Overrides } from "./overrides.js";
import {
  afterSuccess,
  closed,
  dueIn,
  enteredView,
  opened,
  type Phase,
  type PhaseView,
  probing,
  restored,
  viewOf,
} from "./phase.js";
import type { BreakerSnapshot } from "./snapshot.js";
import { type BreakerState, type BreakerStats, Counters, epochOf, type StateChange, statsOf } from "./stats.js";
import { tripReason } from "./trip-rules.js";

/**
 * The state of a breaker: what moves it (results, time, a person), what it reports, and what is counted.
 *
 * Invariants: every transition begins a new generation with no evidence; the listener is called when all of it is done.
 */
export class StateMachine implements SleepListener {
  readonly clock: Clock = new Clock(this);
  readonly #settings: Settings;
  readonly #evidence: Evidence;
  readonly #overrides: Overrides = new Overrides();
  phase: Phase = closed;
  /** Results of calls of another generation are in the counters and have no other effect. */
  generation = 0;
  /** Replaced by `reset`: results of calls admitted before it go to counters that nobody reads. */
  counters: Counters = new Counters();

  constructor(settings: Settings) {
    const { windowMs, restore } = settings;
    this.#settings = settings;
    this.#evidence = new Evidence(windowMs);
    if (restore === undefined) return;
    const now = this.clock.now();
    this.phase = restored(settings, restore, now);
    this.#evidence.restore(restore, now);
  }

  get forced(): "forced-open" | "forced-closed" | undefined {
    return this.#overrides.forced;
  }

  stateAt(now: number): BreakerState {
    return this.forced ?? this.#view(now).kind;
  }

  /** Whole milliseconds until a call would be admitted. */
  retryAfterMs(now: number): number {
    return this.#overrides.retryAfterMs(this.#view(now));
  }

  statsAt(now: number): BreakerStats {
    return this.#stats(now, this.#view(now));
  }

  snapshotAt(now: number): BreakerSnapshot {
    const view = this.#view(now);
    // An override ends with its process, and what was seen under it ends with the override.
    const { consecutiveFailures, window } = this.forced === undefined ? this.#evidenceOf(view, now) : noEvidence;
    return {
      version: 1,
      state: view.kind,
      restLeftMs: view.kind === "open" ? Math.min(Math.ceil(view.restMs), Number.MAX_SAFE_INTEGER) : 0,
      reopens: view.reopens,
      consecutiveFailures,
      windowCalls: window.calls,
      windowFailures: window.failures,
      windowSlow: window.slow,
    };
  }

  /** Does what time alone has brought about, one transition after the other, each at the instant it fell due. */
  catchUp(now: number): void {
    for (let due = dueIn(this.phase, now); due !== undefined; due = dueIn(this.phase, now)) {
      if (due.to === "half-open") this.#move(probing(this.#settings, due.from.reopens), due.reason, due.at);
      else {
        due.probe.settled = true;
        this.counters.add("failure", false, due.at);
        this.#move(opened(this.#settings, due.from, due.at), due.reason, due.at);
      }
    }
  }

  /** Takes in how a call ended at `now`; a failure may ask for a rest. Whether it counted for the state. */
  count(call: Call, verdict: Verdict, isSlow: boolean, now: number, askedMs = 0): boolean {
    call.counters.add(verdict, isSlow, now);
    const { phase } = this;
    if (call.generation !== this.generation || dueIn(phase, now) !== undefined) return false;
    if (phase.kind === "half-open") phase.probes.delete(call);
    if (verdict === "ignored") return true;
    const isFailure = verdict === "failure";
    if (phase.kind !== "half-open") {
      this.#addEvidence(now, isFailure, isSlow, askedMs);
      return true;
    }
    this.#evidence.add(now, isFailure, isSlow);
    if (isFailure) this.#move(opened(this.#settings, phase, now, askedMs), "probe-failed", now);
    else {
      const next = afterSuccess(phase, this.#settings.successThreshold);
      if (next !== undefined) this.#move(next, "probes-succeeded", now);
    }
    return true;
  }

  /** As `count` for what is by far the most frequent: a success of the present generation, closed. */
  countSuccess(call: Call, isSlow: boolean, now: number): void {
    call.counters.succeeded(isSlow, now);
    this.#addEvidence(now, false, isSlow, 0);
  }

  /** Opens it where it is closed or half-open and nobody overrides it. */
  trip(cause: unknown): void {
    const now = this.clock.now();
    this.catchUp(now);
    if (this.forced !== undefined || this.phase.kind === "open") return;
    if (cause !== undefined) this.counters.lastFailure = cause;
    this.#move(opened(this.#settings, this.phase, now), "tripped", now);
  }

  /** Makes it half-open where it is open and nobody overrides it. */
  endRest(): void {
    const now = this.clock.now();
    this.catchUp(now);
    if (this.phase.kind === "open") this.#move(probing(this.#settings, this.phase.reopens), "rest-ended", now);
  }

  /** Closed for good, without overrides and without a past. */
  reset(): void {
    const now = this.clock.now();
    this.catchUp(now);
    const from = this.stateAt(now);
    this.#overrides.clear();
    this.counters = new Counters();
    this.#enter(closed, now);
    if (from !== "closed") this.#tell(from, "closed", "reset", now);
  }

  /** Overrides it until the handle is disposed. */
  hold(side: "open" | "closed"): Disposable {
    this.catchUp(this.clock.now());
    const from = this.stateAt(this.clock.now());
    const release = this.#overrides.hold(side);
    this.#override(from, "forced");
    return {
      [Symbol.dispose]: () => {
        const before = this.stateAt(this.clock.now());
        if (release()) this.#override(before, "released");
      },
    };
  }

  /** Rests and windows count a sleep of the machine. What a call took does not: nothing ran meanwhile. */
  slept(ms: number): void {
    const { phase } = this;
    if (phase.kind === "open") this.phase = { ...phase, until: phase.until - ms };
    this.#evidence.age(ms);
    this.counters.age(ms);
  }

  /** Adds a result while closed, and opens it where that is enough. */
  #addEvidence(now: number, isFailure: boolean, isSlow: boolean, askedMs: number): void {
    const window = this.#evidence.add(now, isFailure, isSlow);
    if (this.forced !== undefined) return;
    const reason = tripReason(this.#settings, this.#evidence.consecutiveFailures, window);
    if (reason !== undefined) this.#open(reason, askedMs);
  }

  #open(reason: StateChange["reason"], askedMs: number): void {
    const now = this.clock.now();
    this.#move(opened(this.#settings, this.phase, now, askedMs), reason, now);
  }

  #override(from: BreakerState, reason: "forced" | "released"): void {
    const to = this.forced ?? "closed";
    if (from === to) return;
    const now = this.clock.now();
    this.#enter(closed, now);
    this.#changed(from, to, reason, now);
  }

  #move(phase: Phase, reason: StateChange["reason"], at: number): void {
    const from = this.phase.kind;
    this.#enter(phase, at);
    this.#changed(from, phase.kind, reason, at);
  }

  /** Begins a new generation. Nothing of the one before it counts any more. */
  #enter(phase: Phase, at: number): void {
    // A sleep that is noticed later must not make a phase older that began after it.
    const now = this.clock.nowAwake();
    this.phase = phase;
    this.counters.changed(at, now);
    this.generation += 1;
    this.#evidence.clear();
  }

  #changed(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    this.counters.moved(to);
    this.#tell(from, to, reason, at);
  }

  #tell(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    const { name, onStateChange, maxProbes } = this.#settings;
    if (onStateChange === undefined) return;
    const now = this.clock.now();
    // Told late, it may not be the last that has fallen due: the figures are those of the state that is told.
    const stats = this.#stats(now, enteredView(this.phase, now, maxProbes));
    notify(onStateChange, { name, from, to, at: epochOf(at, now), reason, stats });
  }

  #view(now: number): PhaseView {
    return viewOf(this.phase, now, this.#settings.maxProbes);
  }

  /** What the calls of a phase have shown by `now`: nothing where time alone has begun it. */
  #evidenceOf({ movedAt }: PhaseView, now: number): EvidenceFigures {
    return movedAt === undefined ? this.#evidence.at(now) : noEvidence;
  }

  #stats(now: number, view: PhaseView): BreakerStats {
    return statsOf(this.counters, now, {
      state: this.forced ?? view.kind,
      movedAt: view.movedAt,
      retryAfterMs: this.#overrides.retryAfterMs(view),
      ...this.#evidenceOf(view, now),
    });
  }
}
