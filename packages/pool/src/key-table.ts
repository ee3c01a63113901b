import { checkLimits, defaultLimits, type GivenLimits, type Limits, readKeyLimits, resolveLimits } from "./limits.js";
import type { Engine } from "./model/engine.js";
import { KeyState } from "./model/key-state.js";

/** The records of the keys that have something, and the limits from which theirs are made. */
export class KeyTable<R> {
  limits: Limits;
  readonly #engine: Engine<R, KeyState<R>>;
  readonly #states = new Map<string, KeyState<R>>();
  #given: GivenLimits;
  /** The record asked for last, as long as it is in the table. */
  #recent: KeyState<R> | undefined;

  constructor(engine: Engine<R, KeyState<R>>, given: GivenLimits) {
    this.#engine = engine;
    this.#given = given;
    this.limits = resolveLimits(given, defaultLimits);
  }

  get size(): number {
    return this.#states.size;
  }

  get keys(): string[] {
    return [...this.#states.keys()];
  }

  get all(): KeyState<R>[] {
    return [...this.#states.values()];
  }

  peek(key: string): KeyState<R> | undefined {
    return this.#states.get(key);
  }

  /** The record of a key, opened where there is none. */
  get(key: string): KeyState<R> {
    // Most pools serve few keys, many of them one: a comparison is cheaper than a look into the map.
    return this.#recent?.key === key ? this.#recent : this.#find(key);
  }

  /** Removes a record. Returns false where it was not in the table. */
  remove(state: KeyState<R>): boolean {
    if (this.#states.get(state.key) !== state) return false;
    this.#states.delete(state.key);
    if (this.#recent === state) this.#recent = undefined;
    return true;
  }

  /** The limits of a key that was given some of its own. */
  limitsOf(given: GivenLimits): Limits {
    return resolveLimits(given, this.limits, this.#given.maxIdlePerKey ?? defaultLimits.maxIdlePerKey);
  }

  /** Changes the limits of all keys that have none of their own. Throws, and changes nothing, where they contradict. */
  changeLimits(given: GivenLimits): void {
    checkLimits("Pool.resize", given);
    const all = { ...this.#given };
    checkLimits("Pool.resize", Object.assign(all, given));
    this.#given = all;
    this.limits = resolveLimits(all, defaultLimits);
    for (const state of this.#states.values()) state.updateLimits();
  }

  #find(key: string): KeyState<R> {
    this.#recent = this.#states.get(key) ?? this.#open(key);
    return this.#recent;
  }

  #open(key: string): KeyState<R> {
    const engine = this.#engine;
    const state = new KeyState(engine, key, readKeyLimits(key, engine.options.limitsFor?.(key)));
    // `limitsFor` is foreign code and may have used the key itself.
    const meanwhile = this.#states.get(key);
    if (meanwhile !== undefined) return meanwhile;
    this.#states.set(key, state);
    return state;
  }
}
