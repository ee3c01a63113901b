import { CircuitBreaker } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { Pool, type PoolOptions } from "@minion/pool";
import { BrokenServer } from "./broken-server.js";
import { checkServer } from "./config/check-config.js";
import { checkMade } from "./config/check-made.js";
import type { MinionClientOptions, ServerRequestMethod } from "./config/client-options.js";
import { policyOf } from "./config/policy.js";
import type { BrokenEntry } from "./config/read-config.js";
import type { ServerConfig } from "./config/server-config.js";
import { parseKey } from "./connections/connection-key.js";
import { keyLimits } from "./connections/key-limits.js";
import { longestTimerMs } from "./deadline.js";
import { ClientClosedError, ConfigError, ServerNotFoundError } from "./errors.js";
import type { Events } from "./events.js";
import type { SessionPool } from "./interfaces.js";
import type { McpSession } from "./mcp-session.js";
import { Server } from "./server.js";
import type { ServerContext } from "./server-context.js";
import { Refusal } from "./session/server-requests.js";

const removalGraceMs = 1_000;
/** Requests of one server that are being answered at the same time. */
const maxOpenHandlers = 32;
const tooManyRequests = -32000;
const poolMethods = ["acquire", "clear", "stats", "close"];
const cacheMethods = ["getOrSet", "invalidate", "inspect", "stats", "close"];
const breakerMethods = ["admit", "stats"];

/** Some of the servers of a client. */
export interface ServerSelection {
  readonly servers: readonly Server[];
  /** Those whose entries in a configuration cannot be used. */
  readonly broken: readonly BrokenServer[];
}

/** The servers of a client by name, and the one pool that holds the connections of all of them. */
export class Servers {
  readonly #options: MinionClientOptions;
  readonly #context: ServerContext;
  readonly #byName = new Map<string, Server>();
  /** Those whose entries in a configuration cannot be used. */
  readonly #broken = new Map<string, BrokenServer>();
  /** Removed, but not yet without connections. */
  readonly #leaving = new Map<string, Server>();
  readonly #pool: SessionPool;
  #closed: Promise<void> | undefined;

  constructor(options: MinionClientOptions, events: Events) {
    this.#options = options;
    const make = options.pool ?? ((poolOptions: PoolOptions<McpSession>) => new Pool(poolOptions));
    this.#pool = checkMade(
      "pool",
      poolMethods,
      make({
        create: (key, context) => this.#owner(key).connections.open(parseKey(key), context),
        destroy: (session, { key, reason }) => this.#owner(key).connections.close(session, reason),
        limitsFor: (key) => keyLimits(this.#owner(key).policy, parseKey(key)),
        maxTotal: options.maxTotalConnections,
      }),
    );
    const makeCache: ServerContext["makeCache"] = options.cache ?? ((_, cacheOptions) => new Cache(cacheOptions));
    const makeBreaker: ServerContext["makeBreaker"] =
      options.breaker ?? ((_, breakerOptions) => new CircuitBreaker(breakerOptions));
    this.#context = {
      pool: this.#pool,
      events,
      clientInfo: options.clientInfo ?? { name: "minion", version: "1.0.0" },
      capabilities: options.capabilities ?? {},
      onServerRequest: serverRequests(options.onServerRequest),
      makeCache: (...wanted) => checkMade("cache", cacheMethods, makeCache(...wanted)),
      makeBreaker: (...wanted) => checkMade("breaker", breakerMethods, makeBreaker(...wanted)),
    };
    for (const [name, config] of Object.entries(options.servers)) this.#add(name, config);
  }

  names(): string[] {
    return [...this.#byName.keys(), ...this.#broken.keys()];
  }

  all(): Server[] {
    return [...this.#byName.values()];
  }

  broken(): BrokenServer[] {
    return [...this.#broken.values()];
  }

  /** The servers of these names, each once; all of them where none are named. Throws as `get` for a name that there is not. */
  select(names: readonly string[] | undefined): ServerSelection {
    if (names === undefined) return { servers: this.all(), broken: this.broken() };
    const chosen = [...new Set(names)];
    const broken = this.broken().filter(({ name }) => chosen.includes(name));
    return { servers: chosen.filter((name) => !this.#broken.has(name)).map((name) => this.get(name)), broken };
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Throws {@link ClientClosedError}, {@link ServerNotFoundError}, or what is wrong with the server's configuration. */
  get(name: string): Server {
    if (this.#closed !== undefined) throw new ClientClosedError(name);
    const server = this.#byName.get(name);
    const broken = this.#broken.get(name);
    if (broken !== undefined) throw broken.error;
    if (server === undefined) throw new ServerNotFoundError(name, this.names());
    return server;
  }

  /** Throws {@link ConfigError} where the name is taken or the entry is wrong. */
  add(name: string, config: ServerConfig): void {
    if (this.#closed !== undefined) throw new ClientClosedError(name);
    if (this.#byName.has(name) || this.#broken.has(name) || this.#leaving.has(name)) {
      throw new ConfigError("there is such a server already; remove it first, and wait for that", { server: name });
    }
    checkServer(name, config, this.#options.defaults);
    this.#add(name, config);
  }

  /** Adds a server that there is only to say why it cannot be used. */
  addBroken({ name, error, transport }: BrokenEntry): void {
    this.#broken.set(name, new BrokenServer(name, error, transport));
  }

  /** Removes a server. Resolves when no process of it is left. */
  async remove(name: string): Promise<void> {
    if (this.#closed === undefined && this.#broken.delete(name)) return;
    const server = this.get(name);
    this.#byName.delete(name);
    this.#leaving.set(name, server);
    const abort = (): void => server.abort(new ServerNotFoundError(name, this.names()));
    const timer = setTimeout(abort, removalGraceMs);
    try {
      server.beginClose();
      await server.connections.clear(removalGraceMs);
    } finally {
      clearTimeout(timer);
      abort();
      server.close();
      this.#leaving.delete(name);
    }
  }

  /** Refuses new calls, gives those in flight `graceMs`, and ends everything. Idempotent. */
  close(options: { readonly graceMs?: number | undefined }): Promise<void> {
    if (typeof options !== "object" || options === null)
      throw new TypeError("MinionClient: the options of close must be an object");
    for (const name of Object.keys(options))
      if (name !== "graceMs") throw new TypeError(`MinionClient: close has no option "${name}"; there is graceMs`);
    const { graceMs = 1_000 } = options;
    if (!(typeof graceMs === "number" && graceMs >= 0))
      throw new TypeError(`MinionClient: graceMs must be 0 or more milliseconds, got ${graceMs}`);
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    const servers = this.all();
    for (const server of servers) server.beginClose();
    const abort = (): void => {
      for (const server of servers) server.abort(new ClientClosedError(server.name, { delivery: "sent" }));
    };
    const timer =
      graceMs > 0 && Number.isFinite(graceMs) ? setTimeout(abort, Math.min(graceMs, longestTimerMs)) : undefined;
    // Before the pool ends the connections: a call in flight learns that the client is closed, not that its answer is lost.
    if (graceMs === 0) abort();
    try {
      await this.#pool.close({ graceMs });
    } finally {
      clearTimeout(timer);
      abort();
      for (const server of servers) server.close();
    }
  }

  #add(name: string, config: ServerConfig): void {
    this.#byName.set(name, new Server(name, policyOf(config, this.#options.defaults), this.#context));
  }

  /** The server that a key of the pool belongs to. */
  #owner(key: string): Server {
    const { server } = parseKey(key);
    const owner = this.#byName.get(server) ?? this.#leaving.get(server);
    if (owner === undefined) throw new ServerNotFoundError(server, this.names());
    return owner;
  }
}

/**
 * What answers the servers' requests: `handler`, for those that a client may have to answer, and for so many of one server
 * at a time. A request counts until its handler has settled, whatever its id and whether or not the server still wants it.
 */
export function serverRequests(handler: MinionClientOptions["onServerRequest"]): ServerContext["onServerRequest"] {
  if (handler === undefined) return undefined;
  const openOf = new Map<string, number>();
  return (server, principal) => async (method, params, context) => {
    if (!isServerRequest(method)) throw new TypeError(`A server asked for ${method}, which no client answers`);
    const open = openOf.get(server) ?? 0;
    if (open >= maxOpenHandlers) throw new Refusal(tooManyRequests, "too many requests are being answered");
    openOf.set(server, open + 1);
    try {
      return await handler({ server, principal, method, params }, context);
    } finally {
      const left = (openOf.get(server) ?? 1) - 1;
      if (left === 0) openOf.delete(server);
      else openOf.set(server, left);
    }
  };
}

function isServerRequest(method: string): method is ServerRequestMethod {
  return method === "elicitation/create" || method === "sampling/createMessage" || method === "roots/list";
}
