import type { ClientCapabilities, Progress } from "@modelcontextprotocol/sdk/types.js";
import { isLiteral } from "../untrusted.js";

/** Options of one call. */
export interface CallOptions {
  /** Aborting it rejects the call with `signal.reason` at once and cancels the request at the server. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for everything the call does. Default: the server's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Whether progress starts `timeoutMs` anew. Default false; needs `maxTotalTimeoutMs`. */
  readonly resetTimeoutOnProgress?: boolean | undefined;
  /**
   * Whether the time that `onServerRequest` takes to answer what the server asks in the call is left out of `timeoutMs`; a
   * `maxTotalTimeoutMs` goes on counting. Where a server does not tell in which call it asks, each call of that connection
   * may be the one. Default false.
   */
  readonly pauseTimeoutOnServerRequest?: boolean | undefined;
  /** Milliseconds for the call however much progress there is, and however long answers to the server take. */
  readonly maxTotalTimeoutMs?: number | undefined;
  /** Higher goes first where calls queue for a connection. Default 0. */
  readonly priority?: number | undefined;
  /** Whether running it twice does no harm. Default: what the tool's annotations say, as far as they are cached. */
  readonly idempotent?: boolean | undefined;
  /** On whose behalf the call is made. Connections and lists are never shared across principals. Default: none. */
  readonly principal?: string | undefined;
  /** Receives all progress before the result. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Capabilities for this call, in place of the client's own. Only servers of revision 2026-07-28 are told them. */
  readonly capabilities?: ClientCapabilities | undefined;
  /** Members of the request's `_meta`. */
  readonly meta?: Record<string, unknown> | undefined;
}

/** Options of a list request. */
export interface ListOptions {
  /** Aborting it rejects with `signal.reason` at once; others who wait for the same list are not affected. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. Default: the server's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** On whose behalf the list is read. */
  readonly principal?: string | undefined;
  /** Asks the server even where the cached list is good. Default false. */
  readonly refresh?: boolean | undefined;
}

/** How the tools of several servers are listed. */
export interface ListAllOptions extends ListOptions {
  /** The servers that are asked. Default: all. */
  readonly servers?: readonly string[] | undefined;
}

/** How connections are opened ahead. */
export interface ConnectOptions {
  /** The servers that are connected to. Default: all. */
  readonly servers?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for each server. Default: its `connectTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** How a login is finished. */
export interface FinishAuthOptions {
  /** On whose behalf the call was made that needed the login. */
  readonly principal?: string | undefined;
}

/** How a server is asked whether it is there. */
export interface PingOptions {
  readonly signal?: AbortSignal | undefined;
  /** On whose behalf. */
  readonly principal?: string | undefined;
  /** The number of the replica, 0 for the server itself. Default: whichever can be reached. */
  readonly replica?: number | undefined;
}

const rules: Readonly<Record<string, readonly [rule: string, holds: (value: unknown) => boolean]>> = {
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  timeoutMs: ["a positive number of milliseconds or Infinity", isPositive],
  resetTimeoutOnProgress: ["true or false", (value) => typeof value === "boolean"],
  pauseTimeoutOnServerRequest: ["true or false", (value) => typeof value === "boolean"],
  maxTotalTimeoutMs: ["a positive number of milliseconds or Infinity", isPositive],
  priority: ["a finite number", Number.isFinite],
  idempotent: ["true or false", (value) => typeof value === "boolean"],
  principal: ["a string", (value) => typeof value === "string"],
  onProgress: ["a function", (value) => typeof value === "function"],
  capabilities: ["an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value)],
  meta: ["an object", (value) => typeof value === "object" && value !== null],
  refresh: ["true or false", (value) => typeof value === "boolean"],
  onServerRequest: ["a function", (value) => typeof value === "function"],
  replica: ["a non-negative integer", (value) => Number.isSafeInteger(value) && Number(value) >= 0],
  servers: ["a list of server names", isStrings],
};

/** Throws `TypeError` for an option that does not exist or has a wrong value. */
export function checkCallOptions(
  options: CallOptions & {
    readonly onServerRequest?: unknown;
    readonly capabilities?: unknown;
    readonly refresh?: unknown;
    readonly replica?: unknown;
    readonly servers?: unknown;
  },
  known: readonly string[],
): void {
  if (typeof options !== "object" || options === null) throw new TypeError("MinionClient: options must be an object");
  for (const [name, value] of Object.entries(options)) {
    const rule = known.includes(name) ? rules[name] : undefined;
    if (rule === undefined)
      throw new TypeError(`MinionClient: there is no option "${name}"; there are ${known.join(", ")}`);
    if (value !== undefined && !rule[1](value))
      throw new TypeError(`MinionClient: ${name} must be ${rule[0]}, got ${String(value)}`);
  }
  // A signal, or a promise that was not awaited, in place of the options would be passed over without a word.
  if (Array.isArray(options) || (!isLiteral(options) && !known.some((name) => name in options)))
    throw new TypeError(`MinionClient: options must be an object with some of ${known.join(", ")}`);
  if (options.resetTimeoutOnProgress === true && options.maxTotalTimeoutMs === undefined) {
    throw new TypeError("MinionClient: resetTimeoutOnProgress needs maxTotalTimeoutMs, or a call could last forever");
  }
}

export const callOptionNames: readonly string[] = [
  "signal",
  "timeoutMs",
  "resetTimeoutOnProgress",
  "pauseTimeoutOnServerRequest",
  "maxTotalTimeoutMs",
  "priority",
  "idempotent",
  "principal",
  "onProgress",
  "capabilities",
  "meta",
];

export const listOptionNames: readonly string[] = ["signal", "timeoutMs", "principal", "refresh"];

function isPositive(value: unknown): boolean {
  return typeof value === "number" && value > 0;
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
