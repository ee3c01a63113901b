import type { Lease, PoolStats } from "@minion/pool";
import { Authorizations } from "../auth/authorizations.js";
import { type Policy, targetOf, transportOf } from "../config/policy.js";
import type { McpSession } from "../mcp-session.js";
import type { ServerContext } from "../server-context.js";
import type { Connection } from "../session/connection.js";
import { ServerMemories } from "../session/era/server-memory.js";
import { Failure, isUnauthorized } from "../session/failure.js";
import { HttpSockets, type SendHttp } from "../session/http/http-sockets.js";
import { openConnection } from "../session/open-connection.js";
import type { Secrets } from "../session/redact.js";
import { connectionOf } from "../session/session-connection.js";
import { type ConnectionKey, formatKey } from "./connection-key.js";
import { OpeningGates } from "./opening-gate.js";
import { type ConnectionFigures, Openings } from "./openings.js";
import { addPoolStats } from "./pool-stats.js";
import { Refusals } from "./refusals.js";
import { SessionSetups } from "./session-setups.js";
import { StatefulPin } from "./stateful-pin.js";
import { UntoldLosses } from "./untold-losses.js";

/** What the connections of a server need of it. */
export interface ConnectionsContext {
  readonly server: string;
  readonly policy: Policy;
  readonly shared: ServerContext;
  readonly figures: () => ConnectionFigures;
  readonly secrets: Secrets;
  /** Told of every notification but progress. What is handed on of its parameters has to go through `mask`. */
  readonly onNotification: (notification: Notification) => void;
  /** A change of a list may have been announced unheard. */
  readonly onMissed: (method: string, principal: string | undefined) => void;
  /** A server lists a tool that cannot be called. */
  readonly onMalformedTool: (tool: string, problem: string) => void;
  /** The first connection to a replica after a time without one is open, or changes go unheard. */
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

/** An open connection, and how the pool is told that it is of no use any more. */
interface Opened {
  readonly key: ConnectionKey;
  readonly openedAt: number;
  readonly died: (cause: unknown) => void;
}

const fewKeys = 64;

/** The connections of one server as the pool opens and closes them. */
export class ServerConnections {
  readonly authorizations: Authorizations;
  readonly setups: SessionSetups = new SessionSetups();
  readonly #context: ConnectionsContext;
  /** Every key under which the pool may have something. */
  readonly #keys = new Set<string>();
  #pruneAt = fewKeys;
  /** Most calls are like the one before. */
  #recentKey: (Omit<ConnectionKey, "server"> & { readonly text: string }) | undefined;
  /** By the numbers of the replicas. */
  readonly #sockets: readonly HttpSockets[];
  /** What was found out about each replica. */
  readonly memories: ServerMemories;
  /** What is being opened under each key. */
  readonly openings: Openings;
  readonly #open = new Map<Connection, Opened>();
  readonly #gates = new OpeningGates((key) => this.#context.shared.pool.stats(key));
  readonly #refusals = new Refusals();
  /** By the numbers of the replicas: whether credentials are needed. */
  readonly #needsCredentials: readonly boolean[];
  /** A stateful server's connection is never idle: its pin keeps it from being given up. */
  readonly #pins = new Map<string, StatefulPin>();
  readonly #lost = new UntoldLosses();
  #isClosing = false;

  constructor(context: ConnectionsContext) {
    this.#context = context;
    this.memories = new ServerMemories(context.onMalformedTool);
    this.openings = new Openings(context.server);
    const { server, policy, secrets } = context;
    this.#needsCredentials = policy.targets.map(
      (target) => "url" in target && (target.authProvider ?? target.headers) !== undefined,
    );
    this.#sockets = policy.targets.map((target) => new HttpSockets("url" in target ? target : {}));
    const send = (replica: number): SendHttp => this.#socketsOf(replica).send;
    this.authorizations = new Authorizations({ server, targets: policy.targets, secrets, send });
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

  /** The key of a connection of somebody's own that is opened in a way of its own, while that is kept. */
  ownKey(replica: number, principal: string | undefined, setup: number): string {
    const key = formatKey({ server: this.#context.server, replica, principal, isOwn: true, setup });
    this.#keys.add(key);
    return key;
  }

  /** Opens a connection for the pool, when it is time. */
  async open(
    key: ConnectionKey,
    { signal, died }: { readonly signal: AbortSignal; readonly died: (cause?: unknown) => void },
  ): Promise<McpSession> {
    const { policy } = this.#context;
    const connect = (): Promise<Connection> => this.#connect(key, signal, died);
    // Only a server over the network can refuse a session or forget one, so that its openings are gated.
    const isGated = !key.isOwn && transportOf(targetOf(policy, key.replica)) !== "stdio";
    const connection = await (isGated ? this.#gates.of(formatKey(key)).open(signal, connect) : connect());
    return connection.session;
  }

  /** Ends a connection for the pool. */
  async close(session: McpSession, reason: string): Promise<void> {
    const connection = connectionOf(session);
    if (connection === undefined) return;
    const open = this.#open.get(connection);
    if (open !== undefined) {
      this.#noteLoss(open.key, new Failure("closed", "its connection was ended", { delivery: "not-sent" }));
      this.#forget(connection, open.key, false);
    }
    await connection.close();
    this.#figures.closed(connection, reason);
  }

  /**
   * Gives up the connections that were open before `at`, so that the next call gets a younger one. Calls on them go on,
   * unless they hold the only place there is.
   */
  giveUpOlder(replica: number, principal: string | undefined, at: number): void {
    const key = this.key(replica, principal);
    const older = [...this.#open].filter(([, { openedAt, ...open }]) => openedAt < at && formatKey(open.key) === key);
    const hasRoom = this.#openUnder(key) < this.#context.policy.maxConnections;
    const reason = new Failure("closed", "it is older than the outage of its server", { delivery: "sent" });
    for (const [connection, { died }] of older) {
      if (!hasRoom) void connection.close();
      died(reason);
    }
  }

  /** Whether who waits for a connection under a key waits for the server: none is open, and one is being opened. */
  isOpening(key: string): boolean {
    return this.#openUnder(key) === 0 && this.openings.isAwaitingServer(key);
  }

  /** What ends waiting for a connection to a replica that credentials are needed for. */
  refusalsOf(replica: number): Refusals | undefined {
    return this.#needsCredentials[replica] === true ? this.#refusals : undefined;
  }

  /** To be called with each connection that a call is about to use. */
  leased({ lease }: { readonly lease: Lease<McpSession> }, key: string): void {
    if (!this.#context.policy.stateful || this.#pins.has(key) || this.#isClosing) return;
    const pin = new StatefulPin(() => void this.#pins.delete(key));
    this.#pins.set(key, pin);
    pin.hold(this.#context.shared.pool, key, lease.signal);
  }

  /** The loss that the next caller has to be told of; it is told once. */
  takeLoss(key: string): Failure | undefined {
    return this.#lost.take(key);
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
    for (const pin of [...this.#pins.values()]) pin.letGo();
  }

  /** Ends every connection; resolves when no process is left. */
  async clear(graceMs: number): Promise<void> {
    this.beginClose();
    await Promise.all([...this.#keys].map((key) => this.#context.shared.pool.clear(key, { graceMs })));
  }

  #socketsOf(replica: number): HttpSockets {
    return this.#sockets.reduce((found, sockets, index) => (index === replica ? sockets : found));
  }

  get #figures(): ConnectionFigures {
    return this.#context.figures();
  }

  async #connect(key: ConnectionKey, signal: AbortSignal, died: (cause?: unknown) => void): Promise<Connection> {
    const { server, policy, shared, onNotification, onMissed, onReconnected } = this.#context;
    const { replica, principal } = key;
    // While the server is being removed nothing new is opened: the removal waits for all that is open.
    if (this.#isClosing) throw new Failure("connect", "it is being closed", { delivery: "not-sent" });
    const setup = key.setup === undefined ? undefined : this.setups.get(key.setup);
    if (key.setup !== undefined && setup === undefined)
      throw new Failure("connect", "nobody wants the session any more", { delivery: "not-sent" });
    const onServerRequest = setup?.onServerRequest ?? shared.onServerRequest;
    const { connectTimeoutMs, closeTimeoutMs, maxMessageBytes, protocol } = policy;
    const begin = performance.now();
    const text = formatKey(key);
    let connection: Connection | undefined;
    const opening = this.openings.begin(text, this.#openUnder(text) === 0);
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
        ...{ connectTimeoutMs, closeTimeoutMs, maxMessageBytes, protocol },
        secrets: this.#context.secrets,
        sockets: this.#socketsOf(replica),
        send: this.authorizations.send(replica, principal),
        memory: this.memories.of(replica),
        clientInfo: shared.clientInfo,
        capabilities: setup?.capabilities ?? shared.capabilities,
        onServerRequest: onServerRequest?.(server, principal),
        onBegun: (attempt) => {
          opening.attempt = attempt;
        },
        onNotification: (method, params, mask) => onNotification({ method, params, mask, principal }),
        onMissed: (method) => onMissed(method, principal),
        onUnheard: () => onReconnected(principal),
        onDied,
      });
    } catch (error) {
      const failure = error instanceof Failure ? error : undefined;
      this.openings.end(text, opening, failure);
      if (failure !== undefined) this.#figures.connectFailed(this.openings.asError(failure), failure);
      const refusal = failure?.kind === "application" || isUnauthorized(failure?.status) ? failure : undefined;
      if (refusal !== undefined && this.#openUnder(text) === 0) this.#refusals.tell(text, refusal);
      throw error;
    }
    this.openings.end(text, opening, undefined);
    const isFirst = ![...this.#open.values()].some(
      ({ key: other }) => other.replica === replica && other.principal === principal,
    );
    this.#open.set(connection, { key, openedAt: performance.now(), died });
    if (isFirst) onReconnected(principal);
    this.#figures.opened(connection, replica, performance.now() - begin);
    return connection;
  }

  #openUnder(key: string): number {
    return [...this.#open.values()].filter((open) => formatKey(open.key) === key).length;
  }

  #forget(connection: Connection, key: ConnectionKey, isLost: boolean): void {
    this.#open.delete(connection);
    this.#gates.ended(formatKey(key), connection, isLost);
  }

  /** Principals come and go: keys under which the pool has nothing are forgotten. */
  #prune(): void {
    for (const key of this.#keys) {
      const { total, waiting } = this.#context.shared.pool.stats(key);
      if (total + waiting > 0) continue;
      this.#keys.delete(key);
      this.openings.forget(key);
      this.#gates.prune(key);
    }
    this.#pruneAt = Math.max(fewKeys, 2 * this.#keys.size);
  }

  #noteLoss(key: ConnectionKey, failure: Failure): void {
    if (this.#context.policy.stateful && !key.isOwn && !this.#isClosing) this.#lost.note(formatKey(key), failure);
  }

  #noteDeath(connection: Connection, key: ConnectionKey, failure: Failure): void {
    this.#forget(connection, key, true);
    this.#noteLoss(key, failure);
    this.#figures.noteError(this.openings.asError(failure));
    this.#figures.closed(connection, "died");
  }
}
