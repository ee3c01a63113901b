import { chosen, fromFirst, mostAvailable, sendToReplicas } from "./call/failover.js";
import { learned } from "./call/learned.js";
import { type LeasedConnection, leaseConnection, sendOver } from "./call/lease-connection.js";
import { makeReplicas } from "./call/make-replicas.js";
import { publicError } from "./call/public-error.js";
import type { Replica } from "./call/replica.js";
import { withRetries } from "./call/retry.js";
import { RetryBudget } from "./call/retry-budget.js";
import { traced } from "./call/tracing.js";
import type { Call } from "./call.js";
import type { CallOptions } from "./config/call-options.js";
import { type Policy, type Transport, transportOf } from "./config/policy.js";
import { serverIdentity } from "./config/server-identity.js";
import { type Notification, ServerConnections, type SessionSetup } from "./connections/server-connections.js";
import { type Deadline, Deadlines } from "./deadline.js";
import type { EventBody } from "./events.js";
import type { ListName, ToolListCache } from "./interfaces.js";
import { asList, type CachedList } from "./lists/cached-list.js";
import { listCodec } from "./lists/list-codec.js";
import type { ListOwner } from "./lists/lists.js";
import { OutputSchemas } from "./lists/output-schemas.js";
import { walkPages } from "./lists/walk-pages.js";
import { listRequest, type Request, type Take, withCursor, withMeta } from "./request.js";
import type { ServerContext } from "./server-context.js";
import { ServerLists } from "./server-lists.js";
import { ServerSubscriptions } from "./server-subscriptions.js";
import type { Connection } from "./session/connection.js";
import { Failure } from "./session/failure.js";
import { Monitor, type ServerStatus } from "./status.js";
import { errorTypeOf } from "./text.js";

type OnRetry = (failure: Failure, attempt: number, delayMs: number) => void;

/** One server with everything around it: its replicas, breakers, connections, lists and figures. */
export class Server {
  readonly name: string;
  readonly policy: Policy;
  readonly connections: ServerConnections;
  readonly schemas: OutputSchemas;
  readonly subscriptions: ServerSubscriptions;
  readonly lists: ServerLists;
  readonly #context: ServerContext;
  readonly #replicas: readonly Replica[];
  readonly #cache: ToolListCache;
  readonly #monitor: Monitor;
  readonly #budget = new RetryBudget();
  readonly #deadlines: Deadlines;

  constructor(name: string, policy: Policy, context: ServerContext) {
    this.name = name;
    this.policy = policy;
    this.#context = context;
    this.schemas = new OutputSchemas(name, policy.outputSchemas, (tool, message) =>
      this.#emit({ type: "schemaSkipped", tool, message }),
    );
    this.#deadlines = new Deadlines(name);
    const identity = serverIdentity(name, policy.targets);
    this.#cache = context.makeCache(name, policy.cache, { identity, codec: listCodec(policy) });
    this.lists = new ServerLists({
      server: name,
      policy,
      cache: this.#cache,
      capabilities: context.capabilities,
      replica: () => mostAvailable(this.#replicas).index,
      startDeadline: (what, options) => this.#deadline(what, options),
      fetch: (list, owner, options) => this.#fetchList(list, owner, options),
      emit: (event) => this.#emit(event),
    });
    this.subscriptions = new ServerSubscriptions({
      policy,
      waiting: (key) => context.pool.stats(key).waiting,
      withConnectionOf: (principal) => (options, use) => this.withConnection({ ...options, principal }, use),
    });
    this.connections = new ServerConnections({
      server: name,
      policy,
      shared: context,
      monitor: () => this.#monitor,
      onNotification: (notification) => this.#notified(notification),
      onReconnected: (principal) => this.lists.reconnected(principal),
    });
    this.#replicas = makeReplicas({
      server: name,
      policy,
      context,
      identity,
      connections: this.connections,
      onBreaker: (replica, { from, to, reason }) => {
        this.#emit({ type: "breaker", replica, from, to, reason });
        this.#monitor.check(`its breaker is ${to}`);
      },
    });
    this.#monitor = new Monitor(this.#replicas, (event) => this.#emit(event));
  }

  get transport(): Transport {
    return transportOf(this.policy.targets[0]);
  }

  /** Makes a call through all layers. Rejects with what a user is told. */
  request<T>(request: Request, options: CallOptions, take: Take<T>): Promise<T> {
    return this.#run(request, options, take, (call, onRetry) => this.#sendWithRetries(call, onRetry));
  }

  /** Makes a call over one connection, without repeating anything. */
  requestOver<T>(connection: Connection, request: Request, options: CallOptions, take: Take<T>): Promise<T> {
    return this.#run(request, options, take, (call) => sendOver(connection, call), true);
  }

  /** Runs `use` with a connection, whatever the breaker says. Rejects with what a user is told. */
  async withConnection<T>(
    options: CallOptions & {
      readonly isOwn?: boolean;
      readonly setup?: SessionSetup | undefined;
      readonly replica?: number | undefined;
    },
    use: (connection: Connection, lease: LeasedConnection["lease"], deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const replicas = chosen(this.#replicas, options.replica);
    const deadline = this.#deadline("a connection", options);
    const setup = options.setup && this.connections.keepSetup(options.setup);
    try {
      const { connection, lease } = await fromFirst(replicas, ({ index }) => {
        const key =
          setup === undefined
            ? this.connections.key(index, options.principal, options.isOwn)
            : this.connections.ownKey(index, options.principal, setup.number);
        return leaseConnection(this.#context.pool, this.name, key, { deadline, priority: options.priority });
      });
      return await use(connection, lease, deadline);
    } catch (error) {
      throw error instanceof Failure ? publicError(error, this.#failedCall("a connection", true)) : error;
    } finally {
      setup?.drop();
      deadline[Symbol.dispose]();
    }
  }

  status(): ServerStatus {
    const { connections, name, transport } = this;
    const monitor = this.#monitor;
    return {
      name,
      health: monitor.health,
      since: monitor.since,
      transport,
      connected: monitor.isConnected,
      tools: this.lists.toolCount,
      calls: monitor.calls,
      pool: connections.stats(),
      cache: this.policy.cache.enabled === false ? undefined : this.#cache.stats(),
      breaker: this.#replicas[0]?.breaker?.stats(),
      replicas: this.#replicas.map(({ index, breaker }) => ({ index, breaker: breaker?.stats() })),
      lastError: monitor.lastError,
      stderrTail: monitor.stderrTail,
      nextRetryAt: monitor.nextRetryAt,
    };
  }

  /** Ends what waits with `reason`. */
  abort(reason: unknown): void {
    this.#deadlines.close(reason);
  }

  /** Gives up what keeps its connections open. */
  beginClose(): void {
    this.subscriptions.close();
    this.connections.beginClose();
  }

  /** To be called when its connections are closed or about to be. */
  close(): void {
    this.beginClose();
    this.#cache.close();
  }

  #sendWithRetries(call: Call, onRetry: OnRetry): Promise<unknown> {
    return withRetries(call, { policy: this.policy, budget: this.#budget, onRetry }, () => this.#send(call));
  }

  async #send(call: Call): Promise<unknown> {
    const loss = this.policy.stateful ? this.connections.takeLoss(this.connections.key(0, call.principal)) : undefined;
    if (loss !== undefined) throw loss.with({ kind: "session-lost", delivery: "not-sent" });
    try {
      return await sendToReplicas(call, this.#replicas);
    } catch (error) {
      // Whoever was calling has been told by this very error.
      if (error instanceof Failure && error.kind !== "rpc")
        this.connections.takeLoss(this.connections.key(0, call.principal));
      throw error;
    }
  }

  async #run<T>(
    { method, params, target, what, isSafe, needs }: Request,
    options: CallOptions,
    take: Take<T>,
    send: (call: Call, onRetry: OnRetry) => Promise<unknown>,
    isOwnSession = false,
  ): Promise<T> {
    const deadline = this.#deadline(what, options);
    const begin = performance.now();
    let attempts = 1;
    let failure: Failure | undefined;
    this.#monitor.callBegins();
    this.#budget.call();
    const onRetry = (cause: Failure, attempt: number, delayMs: number): void => {
      attempts += 1;
      this.#monitor.callRetried();
      this.#emit({
        type: "retry",
        attempt,
        delayMs,
        errorType: errorTypeOf(publicError(cause, this.#failedCall(what, isSafe))),
      });
    };
    const end = (errorType: string | undefined, error: unknown): void => {
      const outcome = errorType === undefined ? "success" : deadline.end === "caller" ? "cancelled" : "error";
      const tool = method === "tools/call" ? target : undefined;
      this.#monitor.callEnds(outcome, error, learned(error, failure, deadline));
      const durationMs = performance.now() - begin;
      this.#emit({ type: "callFinished", method, tool, durationMs, attempts, outcome, errorType });
    };
    const failed = { ...this.#failedCall(what, isSafe), ...(isOwnSession && { isStateful: true }) };
    const told = (error: unknown): unknown => (error instanceof Failure ? publicError(error, failed) : error);
    try {
      return await traced(
        { method, target, server: this.name, transport: this.transport },
        async (fields) => {
          const { priority, principal, onProgress } = options;
          const hasMeta = options.meta !== undefined || fields !== undefined;
          const sent = hasMeta ? withMeta(params, { ...options.meta, ...fields }) : params;
          const answer = await send(
            { method, params: sent, target, what, isSafe, needs, deadline, principal, priority, onProgress },
            onRetry,
          );
          const { value, errorType } = take(answer);
          end(errorType, undefined);
          return { value, errorType };
        },
        (error) => errorTypeOf(told(error)),
      );
    } catch (error) {
      failure = error instanceof Failure ? error : undefined;
      const reason = told(error);
      end(errorTypeOf(reason), reason);
      throw reason;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  async #fetchList(
    list: ListName,
    { principal }: ListOwner,
    { signal, timeoutMs = 0 }: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
  ): Promise<CachedList> {
    return this.#run(
      listRequest(list),
      // Others may wait longer than whoever came first.
      { signal, principal, timeoutMs: Math.max(timeoutMs, this.policy.callTimeoutMs) },
      (answer) => ({ value: asList(answer, list) }),
      (call, onRetry) =>
        walkPages({
          list,
          fetchPage: (cursor) => this.#sendWithRetries(cursor === undefined ? call : withCursor(call, cursor), onRetry),
          onMalformed: (tool, message) => this.#emit({ type: "malformedTool", tool, message }),
        }),
    );
  }

  #notified(notification: Notification): void {
    this.subscriptions.notified(notification);
    if (this.lists.notified(notification) || !this.#context.events.isHeard) return;
    const { method, params, mask, principal } = notification;
    this.#emit({ type: "serverNotification", method, params: mask(params), principal });
  }

  #deadline(what: string, options: CallOptions): Deadline {
    const timeoutMs = options.timeoutMs ?? this.policy.callTimeoutMs;
    const canPause = options.pauseTimeoutOnServerRequest ?? false;
    return this.#deadlines.start(what, {
      timeoutMs,
      resetOnProgress: options.resetTimeoutOnProgress ?? false,
      maxTotalMs: options.maxTotalTimeoutMs ?? (canPause ? Number.POSITIVE_INFINITY : timeoutMs),
      canPause,
      signal: options.signal,
    });
  }

  #failedCall(what: string, isSafe: boolean): Parameters<typeof publicError>[1] {
    const { stateful, maxMessageBytes } = this.policy;
    return { server: this.name, what, isSafe, isStateful: stateful, maxMessageBytes };
  }

  #emit(event: EventBody): void {
    const { events } = this.#context;
    if (events.isHeard) events.emit({ ...event, server: this.name, at: Date.now() });
  }
}
