import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type BreakerSnapshot,
  type BreakerState,
  CircuitBreaker,
  type Permit,
  type StateChange,
} from "../src/index.js";

const settings = {
  failureThreshold: 3,
  failureRateThreshold: 0.5,
  minimumCalls: 6,
  windowMs: Number.POSITIVE_INFINITY,
  openMs: 100,
  maxOpenMs: 400,
  maxProbes: 3,
  successThreshold: 2,
  probeTimeoutMs: 150,
} as const;

interface ModelCall {
  readonly generation: number;
  readonly era: number;
  readonly deadline: number;
  isProbe: boolean;
  isOver: boolean;
}

/** The rules written down once more, as naively as possible. It moves with every step instead of when asked. */
class Model {
  now = 0;
  state: "closed" | "open" | "half-open" = "closed";
  opens = 0;
  closes = 0;
  totals = { successes: 0, failures: 0, ignored: 0 };
  calls: ModelCall[] = [];
  #results: boolean[] = [];
  #generation = 0;
  #era = 0;
  #until = 0;
  #reopens = 0;
  #successes = 0;

  get forced(): BreakerState | undefined {
    return this.opens > 0 ? "forced-open" : this.closes > 0 ? "forced-closed" : undefined;
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 1) {
      this.now += 1;
      this.#tick();
    }
  }

  admits(): boolean {
    if (this.forced !== undefined) return this.forced === "forced-closed";
    if (this.state !== "half-open") return this.state === "closed";
    return this.#probes().length + this.#successes < settings.maxProbes;
  }

  admit(): void {
    const isProbe = this.state === "half-open";
    const deadline = this.now + settings.probeTimeoutMs;
    this.calls.push({ generation: this.#generation, era: this.#era, deadline, isProbe, isOver: false });
  }

  settle(call: ModelCall, verdict: "success" | "failure" | "ignored"): void {
    if (call.isOver) return;
    call.isOver = true;
    if (call.era !== this.#era) return;
    this.totals[verdict === "success" ? "successes" : verdict === "failure" ? "failures" : "ignored"] += 1;
    if (call.generation !== this.#generation || verdict === "ignored") return;
    this.#results.push(verdict === "success");
    if (this.state === "half-open") {
      if (verdict === "failure") this.#open(this.#reopens + 1);
      else {
        this.#successes += 1;
        if (this.#successes >= settings.successThreshold) this.#enter("closed");
      }
    } else if (this.forced === undefined && this.#shouldTrip()) this.#open(0);
  }

  override(change: () => void): void {
    const before = this.forced;
    change();
    if (this.forced !== before) this.#enter("closed");
  }

  reset(): void {
    this.opens = 0;
    this.closes = 0;
    this.#era += 1;
    this.totals = { successes: 0, failures: 0, ignored: 0 };
    this.#enter("closed");
  }

  trip(): void {
    if (this.forced === undefined && this.state !== "open") this.#open(this.state === "closed" ? 0 : this.#reopens + 1);
  }

  endRest(): void {
    if (this.state === "open") this.#enter("half-open");
  }

  /** Another process goes on: without overrides, without calls in flight, without totals, with all else. */
  restart(): void {
    const isForced = this.forced !== undefined;
    this.opens = 0;
    this.closes = 0;
    this.#era += 1;
    this.#generation += 1;
    this.#successes = 0;
    this.totals = { successes: 0, failures: 0, ignored: 0 };
    if (isForced) this.#enter("closed");
  }

  #probes(): ModelCall[] {
    return this.calls.filter((call) => call.isProbe && !call.isOver && call.generation === this.#generation);
  }

  #tick(): void {
    if (this.state === "open" && this.now >= this.#until) this.#enter("half-open");
    const late = this.state === "half-open" ? this.#probes().find(({ deadline }) => this.now >= deadline) : undefined;
    if (late === undefined) return;
    late.isOver = true;
    this.totals.failures += 1;
    this.#open(this.#reopens + 1);
  }

  #shouldTrip(): boolean {
    const run = this.#results.length - 1 - this.#results.lastIndexOf(true);
    const failures = this.#results.filter((ok) => !ok).length;
    const enough = this.#results.length >= settings.minimumCalls;
    return run >= settings.failureThreshold || (enough && failures / this.#results.length >= 0.5);
  }

  #open(reopens: number): void {
    this.#reopens = reopens;
    this.#until = this.now + Math.min(settings.maxOpenMs, settings.openMs * 2 ** reopens);
    this.#enter("open");
  }

  #enter(state: "closed" | "open" | "half-open"): void {
    this.state = state;
    this.#generation += 1;
    this.#results = [];
    this.#successes = 0;
  }
}

const step = fc.oneof(
  { weight: 18, arbitrary: fc.constant({ kind: "admit" } as const) },
  {
    weight: 24,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      which: fc.nat(),
      verdict: fc.constantFrom("failure" as const, "success" as const, "ignored" as const, "failure" as const),
    }),
  },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 160 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("force" as const),
      side: fc.constantFrom("open" as const, "closed" as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reset" } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: "trip" } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: "endRest" } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: "restart" } as const) },
);

/** What was told is one unbroken path from the state at the start to the present one. */
function expectPath(changes: readonly StateChange[], start: BreakerState, end: BreakerState): void {
  let before = start;
  let at = 0;
  for (const change of changes) {
    assert.equal(change.from, before);
    assert.notEqual(change.to, before);
    assert.equal(change.stats.state, change.to);
    assert.ok(change.at >= at, "in their order");
    before = change.to;
    at = change.at;
  }
  assert.equal(end, before);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("in a random storm of calls, results in any order, clock, overrides, verdicts from outside and restarts it does what a naive model does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 250, size: "max" }), (steps) => {
      let changes: StateChange[] = [];
      let start: BreakerState = "closed";
      const make = (restore?: BreakerSnapshot): CircuitBreaker => {
        const told: StateChange[] = [];
        changes = told;
        return new CircuitBreaker({ ...settings, restore, onStateChange: (change) => told.push(change) });
      };
      let breaker = make();
      const model = new Model();
      const permits: Permit[] = [];
      const handles: { readonly side: "open" | "closed"; readonly handle: Disposable; readonly era: number }[] = [];
      let era = 0;
      for (const one of steps) {
        if (one.kind === "admit") {
          let permit: Permit | undefined;
          try {
            permit = breaker.admit();
          } catch {}
          assert.equal(permit !== undefined, model.admits());
          if (permit !== undefined) {
            permits.push(permit);
            model.admit();
          }
        } else if (one.kind === "settle" && permits.length > 0) {
          const at = one.which % permits.length;
          const [permit, call] = [permits[at], model.calls[at]];
          if (permit === undefined || call === undefined) throw new Error("bug: both know the same calls");
          if (one.verdict === "success") permit.success();
          else if (one.verdict === "failure") permit.failure(new Error("down"));
          else permit.ignore();
          model.settle(call, one.verdict);
        } else if (one.kind === "pass") {
          vi.advanceTimersByTime(one.ms);
          model.pass(one.ms);
        } else if (one.kind === "force") {
          handles.push({
            side: one.side,
            handle: one.side === "open" ? breaker.forceOpen() : breaker.forceClose(),
            era,
          });
          model.override(() => {
            if (one.side === "open") model.opens += 1;
            else model.closes += 1;
          });
        } else if (one.kind === "release" && handles.length > 0) {
          const [held] = handles.splice(one.which % handles.length, 1);
          held?.handle[Symbol.dispose]();
          if (held?.era === era)
            model.override(() => {
              if (held.side === "open") model.opens -= 1;
              else model.closes -= 1;
            });
        } else if (one.kind === "reset") {
          breaker.reset();
          model.reset();
          era += 1;
        } else if (one.kind === "trip") {
          breaker.trip();
          model.trip();
        } else if (one.kind === "endRest") {
          breaker.endRest();
          model.endRest();
        } else if (one.kind === "restart") {
          const snapshot: BreakerSnapshot = JSON.parse(JSON.stringify(breaker.snapshot()));
          breaker = make(snapshot);
          start = breaker.state;
          model.restart();
          era += 1;
        }
        assert.equal(breaker.state, model.forced ?? model.state);
        assert.equal(breaker.retryAfterMs === 0, model.admits());
      }
      // What fell due is counted at the next call.
      try {
        breaker.admit().ignore();
        model.totals.ignored += 1;
      } catch {}
      expect(breaker.stats()).toMatchObject(model.totals);
      expectPath(changes, start, breaker.state);
    }),
    { numRuns: 400 },
  );
});
