import type { PoolLimits, PoolStats } from "@minion/pool";
import type { LeasedConnection } from "../call/lease-connection.js";
import { type Policy, targetOf, transportOf } from "../config/policy.js";
import { ConnectError } from "../errors.js";
import type { McpSession } from "../mcp-session.js";
import type { ServerContext } from "../server-context.js";
import { type Connection, connectionOf } from "../session/connection.js";
import { Failure } from "../session/failure.js";
import { HttpSockets } from "../session/http/http-sockets.js";
import { openConnection } from "../session/open-connection.js";
import type { Monitor } from "../status.js";
import { type ConnectionKey, formatKey } from "./connection-key.js";
import { addPoolStats } from "./pool-stats.js";
import { Keeper } from "./stateful-pin.js";

/** What the connections of a server need of it. */
export interface ConnectionsContext {
  readonly server: string;
  readonly policy: Policy;
  readonly shared: ServerContext;
  readonly monitor: () => Monitor;
  /** Told of every notification but progress. What is handed on of its parameters has to go through `mask`. */
  readonly onNotification: (notification: Notification) => void;
  /** The first connection to a replica after a time without one is open. */
  readonly onReconnected: (principal: string | undefined) => void;
}

/** A notification of the server. */
export interface Notification {
  readonly method: string;
  readonly params: unknown;
  /** Takes the secrets out of the parameters. */
  readonly mask: (params: unknown) => unknown;
  /** On whose behalf the connection was opened that it came over. */
  readonly principal: string | undefined;
}

/** What a connection of somebody's own is opened with in place of what all others are. */
export interface SessionSetup {
  readonly capabilities: ServerContext["capabilities"] | undefined;
  readonly onServerRequest: ServerContext["onServerRequest"];
}

const fewKeys = 64;
const maxLosses = 10_000;

/** The connections of one server as the pool opens and closes them. */
export class ServerConnections {
  readonly #context: ConnectionsContext;
  /** Every key under which the pool may have something. */
  readonly #keys = new Set<string>();
  #pruneAt = fewKeys;
  /** Most calls are like the one before. */
  #recentKey: (Omit<ConnectionKey, "server"> & { readonly text: string }) | undefined;
  readonly #sockets = new HttpSockets();
  readonly #open = new Map<Connection, ConnectionKey>();
  /** A stateful server's connection is never idle: its keeper keeps it from being given up. */
  readonly #keepers = new Map<string, Keeper>();
  /** Sessions of a stateful server that ended while nobody was calling: the next caller has to be told, if one comes. */
  readonly #lost = new Map<string, Failure>();
  readonly #setups = new Map<number, SessionSetup>();
  #lastSetup = 0;
  #isClosing = false;

  constructor(context: ConnectionsContext) {
    this.#context = context;
  }

  /** The key of shared connections, or of one of somebody's own. */
  key(replica: number, principal: string | undefined, isOwn = false): string {
    const recent = this.#recentKey;
    if (recent !== undefined && recent.replica === replica && recent.principal === principal && recent.isOwn === isOwn)
      return recent.text;
    const key = formatKey({ server: this.#context.server, replica, principal, isOwn });
    if (this.#keys.size >= this.#pruneAt) this.#prune();
    this.#keys.add(key);
    this.#recentKey = { replica, principal, isOwn, text: key };
    return key;
  }

  /** The pool's limits for connections under a key. */
  limits({ replica, isOwn }: ConnectionKey): Partial<PoolLimits> {
    const { policy } = this.#context;
    const isStdio = transportOf(targetOf(policy, replica)) === "stdio";
    const never = Number.POSITIVE_INFINITY;
    const shared: Partial<PoolLimits> = {
      ...(isStdio && { maxLifetimeMs: never }),
      ...policy.pool,
      // The deadline of the call and those of the connection are the only ones.
      acquireTimeoutMs: never,
      // Finite all the same: closing by force waits only for openings that have an end of their own, and with them for
      // the processes that they leave.
      createTimeoutMs: Math.min(policy.connectTimeoutMs + policy.closeTimeoutMs + 2_000, Number.MAX_SAFE_INTEGER),
      destroyTimeoutMs: Math.max(policy.pool.destroyTimeoutMs ?? 0, policy.closeTimeoutMs + 2_000),
    };
    if (isOwn) return { ...shared, maxPerKey: never, minIdlePerKey: 0, maxLeasesPerResource: 1, maxUses: 1 };
    if (policy.stateful) {
      const places = policy.maxCallsPerConnection + 1;
      return {
        ...shared,
        maxPerKey: 1,
        maxLeasesPerResource: places,
        maxLifetimeMs: never,
        maxIdleMs: never,
        maxUses: never,
      };
    }
    return { ...shared, maxPerKey: policy.maxConnections, maxLeasesPerResource: policy.maxCallsPerConnection };
  }

  /** The key of a connection of somebody's own that is opened in a way of its own, while that is kept. */
  ownKey(replica: number, principal: string | undefined, setup: number): string {
    const key = formatKey({ server: this.#context.server, replica, principal, isOwn: true, setup });
    this.#keys.add(key);
    return key;
  }

  /** Keeps what somebody's own connection is to be opened with. Returns its number and what drops it. */
  keepSetup(setup: SessionSetup): { readonly number: number; readonly drop: () => void } {
    this.#lastSetup += 1;
    const number = this.#lastSetup;
    this.#setups.set(number, setup);
    return { number, drop: () => void this.#setups.delete(number) };
  }

  /** Opens a connection for the pool. */
  async open(
    key: ConnectionKey,
    { signal, died }: { readonly signal: AbortSignal; readonly died: (cause?: unknown) => void },
  ): Promise<McpSession> {
    const { server, policy, shared, onNotification, onReconnected } = this.#context;
    const { replica, principal } = key;
    // Whoever closes waits for what is there, not for what somebody still opens.
    if (this.#isClosing) throw new Failure("connect", "it is being closed", { delivery: "not-sent" });
    const setup = key.setup === undefined ? undefined : this.#setups.get(key.setup);
    if (key.setup !== undefined && setup === undefined)
      throw new Failure("connect", "nobody wants the session any more", { delivery: "not-sent" });
    const onServerRequest = setup?.onServerRequest ?? shared.onServerRequest;
    const begin = performance.now();
    let connection: Connection | undefined;
    const onDied = (failure: Failure): void => {
      if (connection !== undefined) this.#noteDeath(connection, key, failure);
      died(failure);
    };
    try {
      connection = await openConnection({
        server,
        target: targetOf(policy, replica),
        principal,
        signal,
        connectTimeoutMs: policy.connectTimeoutMs,
        closeTimeoutMs: policy.closeTimeoutMs,
        maxMessageBytes: policy.maxMessageBytes,
        sockets: this.#sockets,
        clientInfo: shared.clientInfo,
        capabilities: setup?.capabilities ?? shared.capabilities,
        onServerRequest: onServerRequest?.(server, principal),
        onNotification: (method, params, mask) => onNotification({ method, params, mask, principal }),
        onDied,
      });
    } catch (error) {
      if (error instanceof Failure) this.#monitor.connectFailed(this.#asError(error));
      throw error;
    }
    const isFirst = ![...this.#open.values()].some(
      (other) => other.replica === replica && other.principal === principal,
    );
    this.#open.set(connection, key);
    if (isFirst) onReconnected(principal);
    this.#monitor.opened(connection, replica, performance.now() - begin);
    return connection.session;
  }

  /** Ends a connection for the pool. */
  async close(session: McpSession, reason: string): Promise<void> {
    const connection = connectionOf(session);
    if (connection === undefined) return;
    const key = this.#open.get(connection);
    if (key !== undefined)
      this.#noteLoss(key, new Failure("closed", "its connection was ended", { delivery: "not-sent" }));
    this.#open.delete(connection);
    await connection.close();
    this.#monitor.closed(connection, reason);
  }

  /** To be called with each connection that a call is about to use. */
  leased({ lease }: LeasedConnection, key: string): void {
    if (!this.#context.policy.stateful || this.#keepers.has(key) || this.#isClosing) return;
    const keeper = new Keeper(() => void this.#keepers.delete(key));
    this.#keepers.set(key, keeper);
    keeper.hold(this.#context.shared.pool, key, lease.signal);
  }

  /** The loss that the next caller has to be told of; it is told once. */
  takeLoss(key: string): Failure | undefined {
    const loss = this.#lost.get(key);
    this.#lost.delete(key);
    return loss;
  }

  /** The figures of all keys together. */
  stats(): PoolStats {
    const { pool } = this.#context.shared;
    const main = this.key(0, undefined);
    const others = [...this.#keys].filter((key) => key !== main);
    return others.reduce((sum, key) => addPoolStats(sum, pool.stats(key)), pool.stats(main));
  }

  /** Gives up what keeps connections open. */
  beginClose(): void {
    this.#isClosing = true;
    for (const keeper of [...this.#keepers.values()]) keeper.letGo();
  }

  /** Ends every connection; resolves when no process is left. */
  async clear(graceMs: number): Promise<void> {
    this.beginClose();
    await Promise.all([...this.#keys].map((key) => this.#context.shared.pool.clear(key, { graceMs })));
  }

  get #monitor(): Monitor {
    return this.#context.monitor();
  }

  /** Principals come and go: keys under which the pool has nothing are forgotten. */
  #prune(): void {
    for (const key of this.#keys) {
      const { total, waiting } = this.#context.shared.pool.stats(key);
      if (total + waiting === 0) this.#keys.delete(key);
    }
    this.#pruneAt = Math.max(fewKeys, 2 * this.#keys.size);
  }

  /** A failure that no call is told of, as an error that an operator can read. */
  #asError({ message, stderrTail, cause }: Failure): ConnectError {
    return new ConnectError(this.#context.server, message, { stderrTail, cause });
  }

  #noteLoss(key: ConnectionKey, failure: Failure): void {
    if (!this.#context.policy.stateful || key.isOwn || this.#isClosing) return;
    this.#lost.set(formatKey(key), failure);
    // Principals come and go: of very many who never call again, the first are forgotten.
    for (const first of this.#lost.keys()) {
      if (this.#lost.size <= maxLosses) break;
      this.#lost.delete(first);
    }
  }

  #noteDeath(connection: Connection, key: ConnectionKey, failure: Failure): void {
    this.#open.delete(connection);
    this.#noteLoss(key, failure);
    this.#monitor.noteError(this.#asError(failure));
    this.#monitor.closed(connection, "died");
  }
}
