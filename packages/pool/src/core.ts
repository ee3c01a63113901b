import { Capacity } from "./capacity.js";
import { Clock } from "./clock.js";
import { Deadlines } from "./deadlines.js";
import { destroyValue } from "./destroy-value.js";
import { Effects } from "./effects.js";
import { Events } from "./events.js";
import { Lane } from "./lane.js";
import { checkKeyLimits, checkLimits, defaultLimits, type GivenLimits, type Limits, resolveLimits } from "./limits.js";
import type { PoolOptions } from "./options.js";
import { OwnContext } from "./own-context.js";
import type { DestroyReason } from "./stats.js";
import { Tally } from "./tally.js";

/** What the parts of one pool share: its options, its keys, and the order in which a change is worked off. */
export class Core<R> {
  readonly options: PoolOptions<R>;
  readonly lanes: Map<string, Lane<R>> = new Map();
  readonly tally: Tally = new Tally();
  readonly capacity: Capacity<R>;
  readonly effects: Effects = new Effects();
  readonly events: Events | undefined;
  /** Background work; it does not hold the process alive. */
  readonly background: Deadlines = new Deadlines(false);
  readonly clock: Clock = new Clock(this.background);
  /** The deadlines of those who wait. */
  readonly patience: Deadlines = new Deadlines(true);
  readonly ownContext: OwnContext = new OwnContext();
  limits: Limits;
  closed = false;
  /** Called once the pool is closed and nothing of it is left. */
  readonly whenEmpty: (() => void)[] = [];
  #given: GivenLimits;
  #order = 0;
  #lateProducts = 0;
  /** The lane asked for last, as long as it is in `lanes`. */
  #recent: Lane<R> | undefined;

  constructor(options: PoolOptions<R>) {
    this.options = options;
    this.#given = options;
    this.limits = resolveLimits(options, defaultLimits);
    this.capacity = new Capacity(options.maxTotal ?? Number.POSITIVE_INFINITY, this.tally);
    this.events = options.onEvent && new Events(this.effects, options.onEvent);
  }

  get isEmpty(): boolean {
    return this.lanes.size === 0 && this.#lateProducts === 0;
  }

  /** A number higher than all before: the order of waiters, and of resources that rest. */
  nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  /** The lane of a key, opened where there is none. */
  lane(key: string): Lane<R> {
    // Most pools serve few keys, many of them one: comparing is cheaper than a look into the map.
    return this.#recent?.key === key ? this.#recent : this.#find(key);
  }

  #find(key: string): Lane<R> {
    this.#recent = this.lanes.get(key) ?? this.#open(key);
    return this.#recent;
  }

  #open(key: string): Lane<R> {
    const given = checkKeyLimits(key, this.options.limitsFor?.(key));
    const lane = new Lane(this, key, given);
    // `limitsFor` is foreign code and may have used the key itself.
    const meanwhile = this.lanes.get(key);
    if (meanwhile !== undefined) return meanwhile;
    this.lanes.set(key, lane);
    return lane;
  }

  /** The limits of a key that was given some of its own. */
  limitsOf(given: GivenLimits): Limits {
    return resolveLimits(given, this.limits, this.#given.maxIdlePerKey ?? defaultLimits.maxIdlePerKey);
  }

  /** Works off what a change of the lane made possible. To be called after each change, and before `effects.flush`. */
  settle(lane: Lane<R>): void {
    lane.serve();
    this.capacity.claim(lane);
    this.capacity.fill();
    lane.topUp();
    lane.maintenance.plan();
    this.#dropIfUnused(lane);
  }

  /** As `settle`, where all that changed is that a lease has ended: mostly there is nothing to do. */
  settleReturn(lane: Lane<R>): void {
    const { limits, tally } = lane;
    const quiet = tally.waiting === 0 && limits.minIdlePerKey === 0 && this.capacity.unclaimed;
    if (quiet && tally.idle > 0 && tally.idle <= limits.maxIdlePerKey) lane.maintenance.plan();
    else this.settle(lane);
  }

  /** As `settle`, for all lanes. */
  settleAll(): void {
    for (const lane of [...this.lanes.values()]) this.settle(lane);
    this.effects.flush();
  }

  /** Changes the limits of all keys that have none of their own. Throws, and changes nothing, where they contradict. */
  resize(given: GivenLimits): void {
    checkLimits("Pool.resize", given);
    const all = { ...this.#given };
    checkLimits("Pool.resize", Object.assign(all, given));
    this.#given = all;
    this.limits = resolveLimits(all, defaultLimits);
    for (const lane of this.lanes.values()) lane.resize();
  }

  /** Destroys a product that came too late to have a slot. */
  destroyLate(lane: Lane<R>, value: R, reason: DestroyReason): void {
    this.#lateProducts += 1;
    destroyValue(this, lane.limits, value, { key: lane.key, reason }, () => {
      this.#lateProducts -= 1;
      this.tally.lateProductDestroyed(reason);
      this.#reportEmpty();
      this.effects.flush();
    });
    this.effects.flush();
  }

  /** An emptied key costs nothing: its record goes, what it counted stays in the pool's figures. */
  #dropIfUnused(lane: Lane<R>): void {
    if (lane.isUsed || this.lanes.get(lane.key) !== lane) return;
    lane.retry.cancel();
    lane.maintenance.cancel();
    this.lanes.delete(lane.key);
    if (this.#recent === lane) this.#recent = undefined;
    if (this.lanes.size === 0) this.clock.stop();
    this.#reportEmpty();
  }

  #reportEmpty(): void {
    if (!this.closed || !this.isEmpty) return;
    for (const resolve of this.whenEmpty.splice(0)) resolve();
  }
}
