import type { Cluster, Redis } from "ioredis";
import type { FleetEvent } from "./fleet-event.js";

/** How a {@link Fleet} is set up. */
export interface FleetOptions {
  /** The user's client of `ioredis`, which is never closed here. A second connection is made of it, for subscriptions. */
  readonly redis: Redis | Cluster;
  /**
   * What every key begins with. Default `"minion"`. Processes with other credentials for the same servers need another
   * one: what one of them may list must not be shown by another.
   */
  readonly namespace?: string | undefined;
  /** How long any command is waited for, in milliseconds. Default 100. */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * How long others wait for the process that fetches a list before a second one fetches it too, in milliseconds. Default
   * 5 000. Who has waited for both four times as long fetches alone.
   */
  readonly leaseMs?: number | undefined;
  /** Told what happens. What it throws changes nothing. */
  readonly onEvent?: ((event: FleetEvent) => void) | undefined;
}

/** The options with every default filled in. */
export interface FleetSettings {
  readonly redis: Redis | Cluster;
  readonly namespace: string;
  readonly commandTimeoutMs: number;
  readonly leaseMs: number;
  readonly onEvent: ((event: FleetEvent) => void) | undefined;
}

const known: readonly string[] = [
  "redis",
  "namespace",
  "commandTimeoutMs",
  "leaseMs",
  "onEvent",
] satisfies readonly (keyof FleetOptions)[];

/**
 * Checks options and fills in defaults.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value
 */
export function fleetSettings(options: FleetOptions): FleetSettings {
  if (typeof options !== "object" || options === null) throw new TypeError("Fleet: the options must be an object");
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw new TypeError(`Fleet: unknown option "${name}"; known are ${known.join(", ")}`);
  const { redis, namespace = "minion", commandTimeoutMs = 100, leaseMs = 5_000, onEvent } = options;
  if (typeof redis?.duplicate !== "function" || typeof redis.eval !== "function" || typeof redis.status !== "string")
    throw new TypeError("Fleet: redis must be a Redis or Cluster of ioredis 6");
  if (typeof namespace !== "string" || !/^[\w.:/-]{1,64}$/.test(namespace))
    throw new TypeError(
      `Fleet: namespace must be 1 to 64 letters, digits or characters of ".:/_-", got ${JSON.stringify(namespace)}`,
    );
  checkDuration("commandTimeoutMs", commandTimeoutMs);
  checkDuration("leaseMs", leaseMs);
  if (onEvent !== undefined && typeof onEvent !== "function") throw new TypeError("Fleet: onEvent must be a function");
  return { redis, namespace, commandTimeoutMs, leaseMs, onEvent };
}

function checkDuration(name: string, value: unknown): void {
  if (typeof value === "number" && value >= 1 && value <= 60_000) return;
  throw new RangeError(`Fleet: ${name} must be a number of milliseconds from 1 to 60000, got ${String(value)}`);
}
