import type { PoolLimits } from "./options.js";
import { checkNumber, checkOptions, type Rule, rules } from "./support/checks.js";
import { quote } from "./support/quote.js";

type LimitName = keyof PoolLimits;

/** All limits, decided. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The limits as somebody gave them. */
export type GivenLimits = { readonly [Name in LimitName]?: number | undefined };

const limitRules: Readonly<Record<LimitName, Rule>> = {
  maxPerKey: rules.countOrInfinity,
  maxIdlePerKey: rules.zeroOrMoreOrInfinity,
  minIdlePerKey: rules.zeroOrMore,
  maxLeasesPerResource: rules.countOrInfinity,
  maxWaitersPerKey: rules.zeroOrMoreOrInfinity,
  maxLifetimeMs: rules.duration,
  lifetimeJitter: rules.share,
  maxIdleMs: rules.duration,
  maxUses: rules.countOrInfinity,
  validateAfterIdleMs: rules.durationOrZero,
  maintenanceMs: rules.duration,
  acquireTimeoutMs: rules.durationOrZero,
  createTimeoutMs: rules.duration,
  validateTimeoutMs: rules.duration,
  destroyTimeoutMs: rules.durationOrZero,
  resetTimeoutMs: rules.duration,
  failFastAfter: rules.countOrInfinity,
  maxRetryDelayMs: rules.duration,
  leakThresholdMs: rules.duration,
};

/** What holds where nobody says otherwise. */
export const defaultLimits: Limits = {
  maxPerKey: 10,
  maxIdlePerKey: 5,
  minIdlePerKey: 0,
  maxLeasesPerResource: 1,
  maxWaitersPerKey: Number.POSITIVE_INFINITY,
  maxLifetimeMs: 1_800_000,
  lifetimeJitter: 0.1,
  maxIdleMs: 300_000,
  maxUses: Number.POSITIVE_INFINITY,
  validateAfterIdleMs: 1_000,
  maintenanceMs: 30_000,
  acquireTimeoutMs: 30_000,
  createTimeoutMs: 30_000,
  validateTimeoutMs: 5_000,
  destroyTimeoutMs: 10_000,
  resetTimeoutMs: 5_000,
  failFastAfter: Number.POSITIVE_INFINITY,
  maxRetryDelayMs: 5_000,
  leakThresholdMs: Number.POSITIVE_INFINITY,
};

export const limitNames: readonly LimitName[] = [
  "maxPerKey",
  "maxIdlePerKey",
  "minIdlePerKey",
  "maxLeasesPerResource",
  "maxWaitersPerKey",
  "maxLifetimeMs",
  "lifetimeJitter",
  "maxIdleMs",
  "maxUses",
  "validateAfterIdleMs",
  "maintenanceMs",
  "acquireTimeoutMs",
  "createTimeoutMs",
  "validateTimeoutMs",
  "destroyTimeoutMs",
  "resetTimeoutMs",
  "failFastAfter",
  "maxRetryDelayMs",
  "leakThresholdMs",
];

/** The limits that an object has, its own or inherited, each read once. Throws where one is not what it may be. */
export function readLimits(where: string, given: GivenLimits): GivenLimits {
  const limits: { [Name in LimitName]?: number | undefined } = {};
  for (const name of limitNames) limits[name] = given[name];
  checkLimits(where, limits);
  return limits;
}

/** Throws where one of the limits is not what it may be. */
export function checkLimits(where: string, given: GivenLimits): void {
  for (const name of limitNames) checkNumber(`${where}: ${name}`, given[name], limitRules[name]);
  const { maxPerKey, maxIdlePerKey, minIdlePerKey = 0 } = given;
  refuseAbove(where, minIdlePerKey, "maxPerKey", maxPerKey);
  refuseAbove(where, minIdlePerKey, "maxIdlePerKey", maxIdlePerKey);
}

/** The limits that `limitsFor` gave for a key. */
export function readKeyLimits(key: string, given: GivenLimits | undefined): GivenLimits {
  if (given === undefined) return {};
  const where = `Pool: limitsFor(${quote(key)})`;
  if (given instanceof Promise) {
    given.catch(() => {});
    throw new TypeError(`${where} must give its limits at once, got a promise; it cannot be async`);
  }
  checkOptions(where, given, limitNames);
  return readLimits(where, given);
}

/** Fills up what was given. What nobody gave at this level yields to it; `maxIdle` is what may rest if nothing narrower holds. */
export function resolveLimits(given: GivenLimits, base: Limits, maxIdle: number = base.maxIdlePerKey): Limits {
  if (limitNames.every((name) => given[name] === undefined)) return base;
  const limits: Record<LimitName, number> = { ...base };
  for (const name of limitNames) limits[name] = given[name] ?? base[name];
  const { maxPerKey, maxIdlePerKey, minIdlePerKey } = given;
  limits.maxPerKey = maxPerKey ?? Math.max(base.maxPerKey, minIdlePerKey ?? 0);
  limits.minIdlePerKey =
    minIdlePerKey ?? Math.min(base.minIdlePerKey, limits.maxPerKey, maxIdlePerKey ?? base.minIdlePerKey);
  limits.maxIdlePerKey = maxIdlePerKey ?? Math.max(Math.min(maxIdle, limits.maxPerKey), limits.minIdlePerKey);
  return limits;
}

function refuseAbove(where: string, minIdle: number, name: LimitName, limit: number | undefined): void {
  if (limit !== undefined && minIdle > limit)
    throw new RangeError(`${where}: minIdlePerKey must be <= ${name} (${limit}), got ${minIdle}`);
}
