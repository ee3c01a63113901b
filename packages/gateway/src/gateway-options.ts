import { type MinionClient, type NameOptions, qualifiedName, type ToolFilter } from "@minion/client";
import type { Registry } from "prom-client";
import type { AuditEntry } from "./audit.js";
import { hostNames } from "./door.js";
import { isRecord } from "./is-record.js";

/** Whom a request is made for. */
export interface Principal {
  readonly id: string;
  readonly scopes: readonly string[];
}

/** What a quota says to one call. */
export type QuotaDecision =
  | { readonly ok: true; readonly remaining: number }
  | { readonly ok: false; readonly retryAfterMs: number };

/** What is allowed and denied, by the name of the server: whole names, `"*"` alone means all, `deny` wins. */
export type Filters = Readonly<Record<string, ToolFilter>>;

/** Who may come in over HTTP. */
export interface GatewayAuth {
  /**
   * Resolves with whom a bearer token stands for; rejects where it is not good, and with an error that has `retryAfterMs`
   * where that cannot be told now: the caller is answered 503 then and keeps its token.
   */
  readonly verify: (token: string, request: Request) => Promise<Principal>;
  /** The URL of this gateway, which tokens must be made for. */
  readonly resource: URL;
  /** Who issues tokens; told to callers without one. */
  readonly authorizationServers: readonly URL[];
  /** Scopes that every token needs. Default: none. */
  readonly scopes?: readonly string[] | undefined;
}

/** What a {@link Gateway} is made of. */
export interface GatewayOptions {
  /** The servers behind the gateway. Owned by the caller, who closes it after the gateway. */
  readonly client: MinionClient;
  /** How tools and prompts are named. Default: as the client does, `mcp_<server>_<tool>` within 64 characters. */
  readonly names?: NameOptions | undefined;
  /** Which tools there are, by server. */
  readonly tools?: Filters | undefined;
  /** Which prompts there are, by server. */
  readonly prompts?: Filters | undefined;
  /** Which resources there are, by server: URIs as the server has them, and URI templates as it lists them. */
  readonly resources?: Filters | undefined;
  /** Entries of a list per page. Default: all on one page. */
  readonly pageSize?: number | undefined;
  /** Who may come in over HTTP. Default: whoever can reach the port. */
  readonly auth?: GatewayAuth | undefined;
  /** Servers that are called on the principal's behalf, with connections and lists of their own. Default: none. */
  readonly perUser?: readonly string[] | undefined;
  /**
   * Servers that may ask the program that calls them something: elicitation, sampling, roots. Any other is told that it
   * cannot. Unless both sides speak revision 2026-07-28, each call of such a server has a connection of its own. Default:
   * none.
   */
  readonly interactive?: readonly string[] | undefined;
  /** Asked before each call of a tool. */
  readonly quota?:
    | ((call: {
        readonly principal: string | undefined;
        readonly server: string;
        readonly tool: string;
      }) => Promise<QuotaDecision>)
    | undefined;
  /** Where MCP is served. Default `"/mcp"`. */
  readonly path?: string | undefined;
  /** Further host names by which the gateway may be called, without ports. Default: loopback names only. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Further host names of web pages that may call it, without ports. Default: loopback names only. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** The largest body of a request, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Requests that are served at the same time. Default 1 000. */
  readonly maxConcurrentCalls?: number | undefined;
  /** Streams that wait for changes, at the same time. Default 1 024. */
  readonly maxStreams?: number | undefined;
  /** How much of a stream may wait for a slow reader before it is cut, in bytes. Default 8 MiB. */
  readonly maxBufferedBytes?: number | undefined;
  /** Told of each request once it has ended, and of each that was not let in. What it throws is dropped. */
  readonly audit?: ((entry: AuditEntry) => void) | undefined;
  /** Where the metrics of the gateway are registered; one gateway per registry. Default: nowhere. */
  readonly registry?: Registry | undefined;
}

/** How a {@link Gateway} drains. */
export interface DrainOptions {
  /** How long requests are served after balancers were told, in milliseconds. Default 2 000. */
  readonly delayMs?: number | undefined;
  /** How long those in flight may take then, in milliseconds. Default 30 000. */
  readonly graceMs?: number | undefined;
  /** Called after `delayMs` and waited for, for who knows of requests that are still on their way. */
  readonly beforeRefusing?: (() => Promise<void>) | undefined;
}

type Defaulted =
  | "names"
  | "tools"
  | "prompts"
  | "resources"
  | "perUser"
  | "interactive"
  | "path"
  | "allowedHosts"
  | "allowedOrigins"
  | "maxBodyBytes"
  | "maxConcurrentCalls"
  | "maxStreams"
  | "maxBufferedBytes";

/** The options with their defaults. */
export type GatewaySettings = Omit<GatewayOptions, Defaulted> & {
  readonly [K in Defaulted]: NonNullable<GatewayOptions[K]>;
};

const known: readonly string[] = [
  "client",
  "names",
  "tools",
  "prompts",
  "resources",
  "pageSize",
  "auth",
  "perUser",
  "interactive",
  "quota",
  "path",
  "allowedHosts",
  "allowedOrigins",
  "maxBodyBytes",
  "maxConcurrentCalls",
  "maxStreams",
  "maxBufferedBytes",
  "audit",
  "registry",
] satisfies readonly (keyof GatewayOptions)[];

/**
 * Checks options and fills in defaults.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value
 */
export function gatewaySettings(options: GatewayOptions): GatewaySettings {
  checkKeys("Gateway", "options", options, known);
  if (typeof options.client?.request !== "function") throw new TypeError("Gateway: client must be a MinionClient");
  for (const name of ["pageSize", "maxBodyBytes", "maxConcurrentCalls", "maxStreams", "maxBufferedBytes"] as const)
    checkCount(name, options[name]);
  for (const name of ["perUser", "interactive", "allowedHosts", "allowedOrigins"] as const)
    checkNames(name, options[name]);
  for (const name of ["tools", "prompts", "resources"] as const) checkFilters(name, options[name]);
  if (options.path !== undefined && !/^\/[!"$->@-~]*$/.test(options.path))
    throw new TypeError(`Gateway: path must begin with "/", without "?" and "#", got ${JSON.stringify(options.path)}`);
  for (const name of ["quota", "audit"] as const)
    if (options[name] !== undefined && typeof options[name] !== "function")
      throw new TypeError(`Gateway: ${name} must be a function`);
  const { auth, names, registry } = options;
  if (auth !== undefined) checkAuth(auth);
  if (registry !== undefined && typeof registry?.registerMetric !== "function")
    throw new TypeError("Gateway: registry must be a Registry of prom-client");
  if (names !== undefined) checkKeys("Gateway: names", "options", names, ["prefix", "maxLength"]);
  // It checks their values.
  qualifiedName("server", "tool", options.names);
  return {
    ...options,
    names: options.names ?? {},
    tools: options.tools ?? {},
    prompts: options.prompts ?? {},
    resources: options.resources ?? {},
    perUser: options.perUser ?? [],
    interactive: options.interactive ?? [],
    path: options.path ?? "/mcp",
    allowedHosts: hostNames("Gateway: allowedHosts", options.allowedHosts),
    allowedOrigins: hostNames("Gateway: allowedOrigins", options.allowedOrigins),
    maxBodyBytes: options.maxBodyBytes ?? 4_194_304,
    maxConcurrentCalls: options.maxConcurrentCalls ?? 1_000,
    maxStreams: options.maxStreams ?? 1_024,
    maxBufferedBytes: options.maxBufferedBytes ?? 8_388_608,
    audit: options.audit && quietly(options.audit),
  };
}

/** The same function, but what it throws is dropped. */
function quietly<T>(listener: (value: T) => void): (value: T) => void {
  return (value) => {
    try {
      const given: unknown = listener(value);
      if (given instanceof Promise) given.catch(() => {});
    } catch {
      // A log that cannot be written to keeps no request from being answered.
    }
  };
}

/**
 * Checks the options of a drain.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value
 */
export function checkDrain(options: DrainOptions): void {
  checkKeys("Gateway: drain", "options", options, ["delayMs", "graceMs", "beforeRefusing"]);
  const { delayMs = 0, graceMs = 0, beforeRefusing } = options;
  for (const [name, value] of Object.entries({ delayMs, graceMs }))
    if (typeof value !== "number" || !(value >= 0))
      throw new RangeError(`Gateway: drain: ${name} must be a number from 0, got ${String(value)}`);
  if (beforeRefusing !== undefined && typeof beforeRefusing !== "function")
    throw new TypeError("Gateway: drain: beforeRefusing must be a function");
}

function checkKeys(owner: string, what: string, given: object, keys: readonly string[]): void {
  if (!isRecord(given)) throw new TypeError(`${owner}: the ${what} must be an object`);
  for (const key of Object.keys(given))
    if (!keys.includes(key)) throw new TypeError(`${owner}: unknown option "${key}"; known are ${keys.join(", ")}`);
}

/** What is misspelt here would let in whoever it is to keep out. */
function checkAuth(auth: GatewayAuth): void {
  checkKeys("Gateway: auth", "options", auth, ["verify", "resource", "authorizationServers", "scopes"]);
  const { verify, resource, authorizationServers, scopes } = auth;
  if (typeof verify !== "function") throw new TypeError("Gateway: auth.verify must be a function");
  if (!(resource instanceof URL)) throw new TypeError("Gateway: auth.resource must be a URL object");
  if (!Array.isArray(authorizationServers) || !authorizationServers.every((one) => one instanceof URL))
    throw new TypeError("Gateway: auth.authorizationServers must be an array of URL objects");
  checkNames("auth.scopes", scopes);
}

function checkCount(name: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) > 0)) return;
  throw new RangeError(`Gateway: ${name} must be a positive integer, got ${String(value)}`);
}

function checkNames(name: string, value: unknown): void {
  if (value === undefined || (Array.isArray(value) && value.every((one) => typeof one === "string" && one !== "")))
    return;
  throw new TypeError(`Gateway: ${name} must be an array of non-empty strings`);
}

function checkFilters(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`Gateway: ${name} must be an object of { allow, deny } by server`);
  for (const [server, filter] of Object.entries(value)) {
    const where = `${name}[${JSON.stringify(server)}]`;
    if (typeof filter !== "object" || filter === null) throw new TypeError(`Gateway: ${where} must be an object`);
    for (const [key, names] of Object.entries(filter)) {
      if (key !== "allow" && key !== "deny")
        throw new TypeError(`Gateway: ${where} has the unknown key "${key}"; known are allow, deny`);
      checkNames(`${where}.${key}`, names);
    }
  }
}

/** Whether a filter lets a name through. */
export function isAllowed(filters: Filters, server: string, name: string): boolean {
  const filter = Object.hasOwn(filters, server) ? filters[server] : undefined;
  if (filter === undefined) return true;
  const has = (names: readonly string[] | undefined): boolean =>
    names !== undefined && (names.includes(name) || (names.length === 1 && names[0] === "*"));
  return !has(filter.deny) && (filter.allow === undefined || has(filter.allow));
}
