import { createHash } from "node:crypto";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { FleetCounters } from "./fleet-stats.js";
import type { RedisLink } from "./redis-link.js";

/** What a quota says to one take. */
export type QuotaDecision =
  | { readonly ok: true; readonly remaining: number }
  | { readonly ok: false; readonly retryAfterMs: number };

/** How much a quota grants. */
export interface QuotaOptions {
  /** What is granted to one key in a window. */
  readonly limit: number;
  /** How long a window lasts from its first take, in milliseconds: a multiple of 1 000. */
  readonly perMs: number;
  /** The share of `limit` that this process grants by itself without Redis, 0..1. Default: 1 / the replicas heard of last. */
  readonly localShare?: number | undefined;
}

/** A quota that all processes of a fleet share. */
export interface Quota {
  /**
   * Takes `cost` (1) of what `key` may have. Never rejects for want of Redis: then this process grants its own share. A
   * take that is refused counts too: one with a `cost` over what is left uses up the window.
   *
   * @throws TypeError | RangeError as a rejection, for a key that is not a string and a cost that is not 1..limit
   */
  take(key: string, cost?: number): Promise<QuotaDecision>;
}

/** What a quota needs of its fleet. */
export interface QuotaContext {
  readonly link: RedisLink;
  readonly redis: object;
  readonly namespace: string;
  readonly counters: FleetCounters;
  readonly replicas: () => number;
}

/** A timer for longer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

const known: readonly string[] = ["limit", "perMs", "localShare"] satisfies readonly (keyof QuotaOptions)[];

/** The quota of a name. Throws `TypeError` or `RangeError` for a wrong option. */
export function makeQuota(name: string, options: QuotaOptions, context: QuotaContext): Quota {
  checkOptions(name, options);
  const { limit, perMs, localShare } = options;
  const { link, redis, namespace, counters, replicas } = context;
  const common = { points: limit, duration: perMs / 1_000 };
  const shared = new RateLimiterRedis({ ...common, storeClient: redis, keyPrefix: namespace });
  // It forgets by a timer what was taken.
  const local = new RateLimiterMemory({ ...common, duration: Math.min(perMs, longestTimerMs) / 1_000 });
  const take = async (key: string, cost: number): Promise<RateLimiterRes> => {
    // Of the same name a quota of another limit or window is another one.
    const text = JSON.stringify([key, limit, perMs]);
    const hashed = createHash("sha256").update(text).digest("hex").slice(0, 32);
    try {
      return await link.run("take", () => shared.consume(`{quota:${name}:${hashed}}`, cost).catch(refusalOf));
    } catch {
      counters.quotaLocal += 1;
      local.points = Math.max(1, Math.floor(limit * (localShare ?? 1 / replicas())));
      return local.consume(hashed, cost).catch(refusalOf);
    }
  };
  return {
    take: async (key, cost = 1) => {
      if (typeof key !== "string") throw new TypeError("Fleet: the key of a quota must be a string");
      if (!Number.isSafeInteger(cost) || cost < 1 || cost > limit)
        throw new RangeError(`Fleet: a take from quota "${name}" must cost 1 to ${limit}, got ${cost}`);
      const { isOk, result } = decided(await take(key, cost));
      counters[isOk ? "quotaGranted" : "quotaRefused"] += 1;
      if (isOk) return { ok: true, remaining: result.remainingPoints };
      return { ok: false, retryAfterMs: Math.max(1, result.msBeforeNext) };
    },
  };
}

/** What was refused, so that a refusal is told from a failure. */
const refused = new WeakSet<RateLimiterRes>();

/** The limiter rejects with a result where it refuses, and with an error where it fails. */
function refusalOf(reason: unknown): RateLimiterRes {
  if (!(reason instanceof RateLimiterRes)) throw reason;
  refused.add(reason);
  return reason;
}

function decided(result: RateLimiterRes): { readonly isOk: boolean; readonly result: RateLimiterRes } {
  return { isOk: !refused.has(result), result };
}

function checkOptions(name: string, options: QuotaOptions): void {
  if (typeof name !== "string" || !/^[\w.:/-]{1,64}$/.test(name))
    throw new TypeError(
      `Fleet: the name of a quota must be 1 to 64 letters, digits or characters of ".:/_-", got ${JSON.stringify(name)}`,
    );
  if (typeof options !== "object" || options === null)
    throw new TypeError(`Fleet: quota "${name}" needs an object with limit and perMs`);
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new TypeError(`Fleet: quota "${name}" has the unknown option "${key}"; known are ${known.join(", ")}`);
  const { limit, perMs, localShare = 1 } = options;
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new RangeError(`Fleet: limit of quota "${name}" must be a positive integer, got ${limit}`);
  if (!Number.isSafeInteger(perMs) || perMs < 1_000 || perMs % 1_000 !== 0)
    throw new RangeError(`Fleet: perMs of quota "${name}" must be a multiple of 1000, got ${perMs}`);
  if (typeof localShare !== "number" || !(localShare >= 0 && localShare <= 1))
    throw new RangeError(`Fleet: localShare of quota "${name}" must be 0 to 1, got ${localShare}`);
}
