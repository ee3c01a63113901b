import { expect, onTestFinished, vi } from "vitest";
import { Cache } from "../src/index.js";
import { type Deferred, deferred, type Outcome, settle, watch } from "./support.js";

// Every interleaving of some actors on one key, each compared step by step with a model that knows no maps of
// loads but one generation number: what began in an earlier generation may answer its callers and do nothing else.

const ttlMs = 10;
const windowMs = 15;

export interface Situation {
  readonly swr: boolean;
  readonly sie: boolean;
  /** Age of the value held at the start. */
  readonly age: number | undefined;
}

interface Step {
  readonly act: "call" | "refresh" | "abort" | "succeed" | "fail" | "invalidate" | "set" | "clear" | "expire";
  /** Which of the actors does it. */
  readonly actor: number;
}

/** What an actor does, in this order. */
const actors = {
  "a caller whose load succeeds": ["call", "succeed"],
  "a caller whose load fails": ["call", "fail"],
  "a caller who leaves": ["call", "abort", "succeed"],
  "a caller who refreshes": ["refresh", "fail"],
  "an invalidation": ["invalidate"],
  "a set": ["set"],
  "a clear": ["clear"],
  "an expiry": ["expire"],
} as const satisfies Record<string, readonly Step["act"][]>;

interface ModelLoad {
  readonly caller: number;
  readonly generation: number;
  readonly waiting: Set<number>;
  background: boolean;
  aborted: boolean;
  settled: boolean;
}

class Model {
  now = 0;
  held: { value: string; storedAt: number; resting: boolean } | undefined;
  generation = 0;
  readonly loads: ModelLoad[] = [];
  readonly outcomes: Outcome<string>[] = [];
  readonly #situation: Situation;

  constructor(situation: Situation) {
    this.#situation = situation;
    if (situation.age !== undefined) this.held = { value: "held", storedAt: -situation.age, resting: false };
  }

  get seen(): string | undefined {
    const { swr, sie } = this.#situation;
    return this.#age() < ttlMs + (swr || sie ? windowMs : 0) ? this.held?.value : undefined;
  }

  apply({ act, actor }: Step): void {
    if (act === "expire") this.now += ttlMs;
    else if (act === "set" || act === "invalidate" || act === "clear") this.#overtake(act === "set");
    else if (act === "call" || act === "refresh") this.#call(actor, act === "refresh");
    else if (act === "abort") this.#leave(actor);
    else this.#settle(actor, act === "succeed");
  }

  #age(): number {
    return this.held === undefined ? Number.POSITIVE_INFINITY : this.now - this.held.storedAt;
  }

  #inFlight(): ModelLoad | undefined {
    return this.loads.find((load) => load.generation === this.generation && !load.settled && !load.aborted);
  }

  #start(caller: number): ModelLoad {
    const load = {
      caller,
      generation: this.generation,
      waiting: new Set<number>(),
      background: false,
      aborted: false,
      settled: false,
    };
    this.loads.push(load);
    return load;
  }

  #call(caller: number, refresh: boolean): void {
    const { swr, sie } = this.#situation;
    const { held } = this;
    if (held !== undefined && !refresh && this.#age() < ttlMs + (swr || (sie && held.resting) ? windowMs : 0)) {
      this.outcomes[caller] = { state: "resolved", value: held.value };
      if (this.#age() >= ttlMs && !held.resting) (this.#inFlight() ?? this.#start(caller)).background = true;
      return;
    }
    this.outcomes[caller] = { state: "pending" };
    (this.#inFlight() ?? this.#start(caller)).waiting.add(caller);
  }

  #leave(caller: number): void {
    for (const load of this.loads) {
      if (load.settled || !load.waiting.delete(caller)) continue;
      this.outcomes[caller] = { state: "rejected", error: `${caller} left` };
      if (load.waiting.size === 0 && !load.background) load.aborted = true;
    }
  }

  #settle(caller: number, success: boolean): void {
    const load = this.loads.find((other) => other.caller === caller && !other.settled);
    if (load === undefined) return;
    load.settled = true;
    if (load.aborted) return;
    const newest = load.generation === this.generation;
    let outcome: Outcome<string> = { state: "resolved", value: `loaded by ${caller}` };
    if (success && newest) this.held = { value: `loaded by ${caller}`, storedAt: this.now, resting: false };
    if (!success) {
      outcome = { state: "rejected", error: `load of ${caller} failed` };
      if (newest && this.held !== undefined) {
        this.held.resting = true;
        if (this.#situation.sie && this.#age() < ttlMs + windowMs)
          outcome = { state: "resolved", value: this.held.value };
      }
    }
    for (const waiter of load.waiting) this.outcomes[waiter] = outcome;
  }

  #overtake(bySet: boolean): void {
    this.generation += 1;
    for (const load of this.loads) if (!load.settled && load.waiting.size === 0) load.aborted = true;
    this.held = bySet ? { value: "set", storedAt: this.now, resting: false } : undefined;
  }
}

class Reality {
  readonly cache: Cache<string>;
  readonly outcomes: Outcome<string>[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #answers = new Map<number, Deferred<string>>();
  readonly #callers: AbortController[] = [];

  constructor({ swr, sie, age }: Situation) {
    this.cache = new Cache<string>({
      ttlMs,
      staleWhileRevalidateMs: swr ? windowMs : 0,
      staleIfErrorMs: sie ? windowMs : 0,
      sweepMs: Number.POSITIVE_INFINITY,
    });
    if (age === undefined) return;
    now -= age;
    this.cache.set("key", "held");
    now += age;
  }

  apply({ act, actor }: Step): void {
    if (act === "expire") now += ttlMs;
    else if (act === "set") this.cache.set("key", "set");
    else if (act === "invalidate") this.cache.invalidate("key");
    else if (act === "clear") this.cache.clear();
    else if (act === "call" || act === "refresh") this.#call(actor, act === "refresh");
    else if (act === "abort") this.#callers[actor]?.abort(`${actor} left`);
    else if (act === "succeed") this.#answers.get(actor)?.resolve(`loaded by ${actor}`);
    else this.#answers.get(actor)?.reject(`load of ${actor} failed`);
  }

  #call(caller: number, refresh: boolean): void {
    const controller = new AbortController();
    this.#callers[caller] = controller;
    const load = ({ signal }: { signal: AbortSignal }): Promise<string> => {
      this.signals.push(signal);
      const answer = deferred<string>();
      this.#answers.set(caller, answer);
      return answer.promise;
    };
    this.outcomes[caller] = watch(this.cache.getOrSet("key", load, { refresh, signal: controller.signal }));
  }
}

/** All ways to merge the lists, each keeping its own order. */
function* interleavings(lists: readonly (readonly Step[])[]): Generator<Step[]> {
  if (lists.every((list) => list.length === 0)) yield [];
  for (const [index, [first, ...rest]] of lists.entries()) {
    if (first === undefined) continue;
    for (const others of interleavings(lists.with(index, rest))) yield [first, ...others];
  }
}

function* castings(most: number): Generator<(keyof typeof actors)[]> {
  const names = Object.keys(actors).filter((name): name is keyof typeof actors => name in actors);
  for (const [index, one] of names.entries()) {
    yield [one];
    if (most === 1) continue;
    for (const others of castings(most - 1))
      if (others.every((other) => names.indexOf(other) >= index)) yield [one, ...others];
  }
}

function scriptOf(casting: readonly (keyof typeof actors)[]): Step[][] {
  return casting.map((name, actor) => actors[name].map((act) => ({ act, actor })));
}

let now = 0;

async function perform(situation: Situation, steps: readonly Step[]): Promise<void> {
  const reality = new Reality(situation);
  const model = new Model(situation);
  const start = now;
  for (const [index, step] of steps.entries()) {
    reality.apply(step);
    model.apply(step);
    await settle();
    const seen = {
      outcomes: reality.outcomes,
      value: reality.cache.peek("key"),
      aborted: reality.signals.map((signal) => signal.aborted),
      passed: now - start,
    };
    const due = {
      outcomes: model.outcomes,
      value: model.seen,
      aborted: model.loads.map((load) => load.aborted),
      passed: model.now,
    };
    if (JSON.stringify(seen) !== JSON.stringify(due))
      expect(seen, `after step ${index + 1} of ${JSON.stringify(steps)} in ${JSON.stringify(situation)}`).toEqual(due);
  }
}

export const situations: readonly (readonly [string, Situation])[] = [
  ["no value", { swr: false, sie: false, age: undefined }],
  ["a fresh value", { swr: false, sie: false, age: 0 }],
  ["a value to revalidate", { swr: true, sie: false, age: ttlMs }],
  ["a value for errors", { swr: false, sie: true, age: ttlMs }],
  ["a fresh value with both windows", { swr: true, sie: true, age: 0 }],
];

/** Performs every order of up to `most` actors; resolves with how many there are. */
export async function performAll(situation: Situation, most: number): Promise<number> {
  now = 1_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  let performed = 0;
  for (const casting of castings(most))
    for (const steps of interleavings(scriptOf(casting))) {
      await perform(situation, steps);
      performed += 1;
    }
  return performed;
}
