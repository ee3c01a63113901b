import type { Call } from "./call.js";
import { Clock } from "./clock.js";
import { Evidence, nothingShown } from "./evidence.js";
import { notify } from "./notify.js";
import type { Settings, Verdict } from "./options.js";
import { Overrides } from "./overrides.js";
import {
  afterProbe,
  asItStands,
  closed,
  dueIn,
  type Glance,
  glanceAt,
  type Phase,
  probing,
  reopened,
  resting,
} from "./phase.js";
import { type BreakerState, type BreakerStats, epochOf, type StateChange, statsOf, Tally } from "./stats.js";
import { tripReason } from "./trip-rules.js";

/**
 * The state of a breaker: what moves it (results, time, a person), what it tells, and what is counted.
 *
 * Invariants: every transition begins a new generation with no evidence; the listener is told when all of it is done.
 */
export class StateMachine {
  readonly clock: Clock = new Clock();
  readonly #settings: Settings;
  readonly #evidence: Evidence;
  readonly #overrides: Overrides = new Overrides();
  phase: Phase = closed;
  /** Results of calls of another generation are in the tally and have no other effect. */
  generation = 0;
  /** Replaced by `reset`: results of calls admitted before it go to a tally that nobody reads. */
  tally: Tally = new Tally();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#evidence = new Evidence(settings.windowMs);
  }

  get forced(): "forced-open" | "forced-closed" | undefined {
    return this.#overrides.forced;
  }

  stateAt(now: number): BreakerState {
    return this.forced ?? this.#glance(now).kind;
  }

  /** Whole milliseconds until a call would be admitted. */
  retryAfterMs(now: number): number {
    return this.#overrides.retryAfterMs(this.#glance(now));
  }

  statsAt(now: number): BreakerStats {
    return this.#stats(now, this.#glance(now));
  }

  /** Does what time alone has brought about, one transition after the other, each at the instant it fell due. */
  catchUp(now: number): void {
    for (let due = dueIn(this.phase, now); due !== undefined; due = dueIn(this.phase, now)) {
      if (due.to === "half-open") this.#move(probing(this.#settings, due.from), due.reason, due.at);
      else {
        due.probe.settled = true;
        this.tally.add("failure", false, due.at);
        this.#move(reopened(due.from, due.at), due.reason, due.at);
      }
    }
  }

  /** Takes in how a call ended at `now`. */
  count(call: Call, verdict: Verdict, isSlow: boolean, now: number): void {
    call.tally.add(verdict, isSlow, now);
    const { phase } = this;
    if (call.generation !== this.generation || dueIn(phase, now) !== undefined) return;
    if (phase.kind === "half-open") phase.probes.delete(call);
    if (verdict === "ignored") return;
    const isFailure = verdict === "failure";
    if (phase.kind !== "half-open") {
      this.#weigh(now, isFailure, isSlow);
      return;
    }
    this.#evidence.add(now, isFailure, isSlow);
    const next = afterProbe(phase, isFailure, this.#settings.successThreshold, now);
    if (next !== undefined) this.#move(next.phase, next.reason, now);
  }

  /** As `count` for what is by far the most frequent: a success of the present generation, closed. */
  countSuccess(call: Call, isSlow: boolean, now: number): void {
    call.tally.succeeded(isSlow, now);
    this.#weigh(now, false, isSlow);
  }

  /** Closed for good, without overrides and without a past. */
  reset(now: number): void {
    const from = this.stateAt(now);
    this.#overrides.clear();
    this.tally = new Tally();
    this.#enter(closed, now);
    if (from !== "closed") this.#tell(from, "closed", "reset", now);
  }

  /** Overrides it until the handle is disposed. */
  hold(side: "open" | "closed"): Disposable {
    this.catchUp(this.clock.exactly());
    const from = this.stateAt(this.clock.exactly());
    const release = this.#overrides.hold(side);
    this.#override(from, "forced");
    return {
      [Symbol.dispose]: () => {
        const before = this.stateAt(this.clock.exactly());
        if (release()) this.#override(before, "released");
      },
    };
  }

  /** Adds a result while closed, and opens it where that is enough. */
  #weigh(now: number, isFailure: boolean, isSlow: boolean): void {
    const window = this.#evidence.add(now, isFailure, isSlow);
    if (this.forced !== undefined) return;
    const reason = tripReason(this.#settings, this.#evidence.consecutiveFailures, window);
    if (reason !== undefined) this.#trip(reason, this.clock.exactly());
  }

  #trip(reason: StateChange["reason"], now: number): void {
    this.#move(resting(this.#settings, now), reason, now);
  }

  #override(from: BreakerState, reason: "forced" | "released"): void {
    const to = this.forced ?? "closed";
    if (from === to) return;
    const now = this.clock.exactly();
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
    this.phase = phase;
    this.tally.changed(at, this.clock.exactly());
    this.generation += 1;
    this.#evidence.clear();
  }

  #changed(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    this.tally.moved(to);
    this.#tell(from, to, reason, at);
  }

  #tell(from: BreakerState, to: BreakerState, reason: StateChange["reason"], at: number): void {
    const { name, onStateChange, maxProbes } = this.#settings;
    if (onStateChange === undefined) return;
    const now = this.clock.exactly();
    // Told late, it may not be the last that has fallen due: the figures are those of the state that is told.
    const stats = this.#stats(now, asItStands(this.phase, now, maxProbes));
    notify(onStateChange, { name, from, to, at: epochOf(at, now), reason, stats });
  }

  #glance(now: number): Glance {
    return glanceAt(this.phase, now, this.#settings.maxProbes);
  }

  #stats(now: number, glance: Glance): BreakerStats {
    return statsOf(this.tally, now, {
      state: this.forced ?? glance.kind,
      movedAt: glance.movedAt,
      retryAfterMs: this.#overrides.retryAfterMs(glance),
      ...(glance.movedAt === undefined ? this.#evidence.at(now) : nothingShown),
    });
  }
}
