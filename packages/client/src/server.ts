import { CallReport, callOf, type Take } from "./call/call-report.js";
import { chosen, fromFirst, mostAvailable, sendToReplicas } from "./call/failover.js";
import { type InputContext, inputContext, withInput } from "./call/input-required.js";
import { type LeasedConnection, leaseConnection, sendWithVerdict } from "./call/lease-connection.js";
import { type FailedCall, toldError } from "./call/public-error.js";
import { makeReplicas, type Replica } from "./call/replica.js";
import { type OnRetry, RetryBudget, withRetries } from "./call/retry.js";
import type { AttemptEnd, ServerVerdict } from "./call/server-verdict.js";
import type { Call, CallSubject } from "./call.js";
import type { CallOptions, ListOptions } from "./config/call-options.js";
import { type Policy, type Transport, transportOf } from "./config/policy.js";
import { serverIdentity } from "./config/server-identity.js";
import { type Notification, ServerConnections } from "./connections/server-connections.js";
import type { SessionSetup } from "./connections/session-setups.js";
import { type Deadline, Deadlines } from "./deadline.js";
import type { EventBody } from "./events.js";
import type { ListName, ToolListCache } from "./interfaces.js";
import { asList, type CachedList } from "./lists/cached-list.js";
import { listCodec } from "./lists/list-codec.js";
import type { ListOwner } from "./lists/lists.js";
import { OutputSchemas } from "./lists/output-schemas.js";
import { listCall, walkList } from "./lists/walk-pages.js";
import type { ServerContext } from "./server-context.js";
import { ServerLists } from "./server-lists.js";
import { ServerSubscriptions } from "./server-subscriptions.js";
import type { Connection } from "./session/connection.js";
import { Failure } from "./session/failure.js";
import { Secrets } from "./session/redact.js";
import { Monitor, type ServerStatus } from "./status.js";
import { isObject } from "./untrusted.js";

/** One server with everything around it: its replicas, breakers, connections, lists and figures. */
export class Server {
  readonly name: string;
  readonly policy: Policy;
  readonly connections: ServerConnections;
  readonly schemas: OutputSchemas;
  readonly subscriptions: ServerSubscriptions;
  readonly lists: ServerLists;
  readonly secrets: Secrets = new Secrets();
  readonly #context: ServerContext;
  readonly #replicas: readonly Replica[];
  readonly #cache: ToolListCache;
  readonly #monitor: Monitor;
  readonly #budget = new RetryBudget();
  readonly #deadlines: Deadlines;
  /** To be told how a ping has ended that somebody asked for. */
  readonly pinged: (end: AttemptEnd) => void = (end) => this.#monitor.pinged(end);
  /** How many calls the server has answered. */
  #answered = 0;

  constructor(name: string, policy: Policy, context: ServerContext) {
    this.name = name;
    this.policy = policy;
    this.#context = context;
    this.schemas = new OutputSchemas(name, policy.outputSchemas, this.#emit);
    this.#deadlines = new Deadlines(name);
    const identity = serverIdentity(policy.targets);
    this.#cache = context.makeCache(name, policy.cache, { identity, codec: listCodec(policy) });
    this.lists = new ServerLists({
      server: name,
      policy,
      cache: this.#cache,
      capabilities: context.capabilities,
      replica: () => mostAvailable(this.#replicas).index,
      startDeadline: (what, options) => this.#deadline(what, options),
      fetch: (list, owner, options) => this.#fetchList(list, owner, options),
      emit: this.#emit,
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
      figures: () => this.#monitor,
      secrets: this.secrets,
      onNotification: (notification) => this.#notified(notification),
      onMissed: (method, principal) => this.lists.missed(method, principal),
      onReconnected: (principal) => this.lists.reconnected(principal),
      onMalformedTool: (tool, message) => this.#emit({ type: "malformedTool", tool, message }),
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
      onVerdict: (verdict) => this.#noteVerdict(verdict),
    });
    this.#monitor = new Monitor(this.#replicas, this.#emit);
  }

  /** Makes a call through all layers. Rejects with what a user is told. */
  call<T>(subject: CallSubject, options: CallOptions, take: Take<T>): Promise<T> {
    const context = (): InputContext => inputContext(this.name, options.principal, this.#context);
    return this.#run(subject, options, take, (call, onRetry) =>
      this.#sendRounds(call, context, (round) => this.#sendWithRetries(round, onRetry)),
    );
  }

  /** Makes a call over one connection, without repeating anything. */
  callOver<T>(connection: Connection, subject: CallSubject, options: CallOptions, take: Take<T>): Promise<T> {
    const context = (): InputContext => ({ server: this.name, ...connection.answering });
    const send = (call: Call): Promise<unknown> =>
      this.#sendRounds(call, context, (round) => this.#sendOver(connection, round));
    return this.#run(subject, options, take, send, true);
  }

  /** A list as one connection sees it, all pages within one deadline. */
  listOver(connection: Connection, list: ListName, options: ListOptions): Promise<CachedList> {
    const fetchAll = (call: Call): Promise<CachedList> =>
      walkList(list, call, (page) => this.#sendOver(connection, page), { limits: this.policy });
    return this.#run(listCall(list), options, (answer) => ({ value: asList(answer, list) }), fetchAll, true);
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
    const deadline = this.#deadline("Opening a connection", options);
    const setup = options.setup && this.connections.setups.keep(options.setup);
    try {
      const { connection, lease } = await fromFirst(replicas, ({ index }) => {
        const own = setup && this.connections.ownKey(index, options.principal, setup.number);
        const key = own ?? this.connections.key(index, options.principal, options.isOwn);
        deadline.blameOn(() => this.connections.openings.blame(key));
        const refusals = this.connections.refusalsOf(index);
        return leaseConnection(this.#context.pool, this.name, key, { deadline, priority: options.priority, refusals });
      });
      return await use(connection, lease, deadline);
    } catch (error) {
      throw toldError(error, this.#failedCall("Opening a connection", true));
    } finally {
      setup?.drop();
      deadline[Symbol.dispose]();
    }
  }

  get transport(): Transport {
    return this.connections.memories.of(0).transport ?? transportOf(this.policy.targets[0]);
  }

  status(): ServerStatus {
    return {
      ...{ name: this.name, transport: this.transport },
      ...this.#monitor.figures,
      protocol: this.connections.memories.of(0).protocol,
      tools: this.lists.toolCount,
      pool: this.connections.stats(),
      cache: this.policy.cache.enabled === false ? undefined : this.#cache.stats(),
      breaker: this.#replicas[0]?.breaker?.stats(),
      replicas: this.#replicas.map(({ index, breaker }) => ({ index, breaker: breaker?.stats() })),
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

  /** Sends a call, and again where the server answers with a question. */
  async #sendRounds(
    call: Call,
    context: () => InputContext,
    send: (round: Call) => Promise<unknown>,
  ): Promise<unknown> {
    const answer = await send(call);
    const isQuestion = isObject(answer) && answer.resultType === "input_required";
    return isQuestion ? await withInput(call, answer, context(), send) : answer;
  }

  #sendWithRetries(call: Call, onRetry: OnRetry): Promise<unknown> {
    const context = { policy: this.policy, budget: this.#budget, answered: () => this.#answered, onRetry };
    return withRetries(call, context, () => this.#send(call));
  }

  async #send(call: Call): Promise<unknown> {
    const loss = this.policy.stateful ? this.connections.takeLoss(this.connections.key(0, call.principal)) : undefined;
    if (loss !== undefined) throw loss.with({ kind: "session-lost", delivery: "not-sent" });
    try {
      const [first] = this.#replicas;
      const isOnly = first !== undefined && this.#replicas.length === 1;
      return await (isOnly ? first.send(call) : sendToReplicas(call, this.#replicas));
    } catch (error) {
      // This very error tells the caller of the loss: it is not told again.
      if (error instanceof Failure && error.kind !== "rpc")
        this.connections.takeLoss(this.connections.key(0, call.principal));
      throw error;
    }
  }

  #sendOver(connection: Connection, call: Call): Promise<unknown> {
    return sendWithVerdict(connection, call, (verdict) => this.#noteVerdict(verdict));
  }

  #noteVerdict(verdict: ServerVerdict): void {
    if (verdict === "alive") this.#answered += 1;
    this.#monitor.noteVerdict(verdict);
  }

  async #run<T>(
    subject: CallSubject,
    options: CallOptions,
    take: Take<T>,
    send: (call: Call, onRetry: OnRetry) => Promise<unknown>,
    isOwnSession = false,
  ): Promise<T> {
    const { method, target, what, isSafe } = subject;
    const deadline = this.#deadline(what, options);
    const failed = this.#failedCall(what, isSafe, isOwnSession);
    const transport = (): Transport => this.transport;
    const [figures, emit] = [this.#monitor, this.#emit];
    const report = new CallReport({ method, target, transport, failed, deadline, figures, emit });
    this.#budget.call();
    try {
      return await report.of(async (fields) => {
        const call = callOf(subject, options, { deadline, serverTime: report.serverTime, fields });
        return take(await send(call, (cause, attempt, delayMs) => report.retried(cause, attempt, delayMs)));
      });
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  async #fetchList(
    list: ListName,
    owner: ListOwner,
    { signal, timeoutMs = 0 }: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
  ): Promise<CachedList> {
    return this.#run(
      listCall(list),
      // The fetch is shared: callers who came later may wait longer than the first.
      { signal, principal: owner.principal, timeoutMs: Math.max(timeoutMs, this.policy.callTimeoutMs) },
      (answer) => ({ value: asList(answer, list) }),
      (call, onRetry) => {
        this.lists.fetching(list, owner, call.deadline);
        const send = (page: Call): Promise<unknown> => this.#sendWithRetries(page, onRetry);
        const silentTtlMs = (): number | undefined =>
          this.lists.silentTtlMs(this.connections.memories.of(owner.replica).protocol);
        return walkList(list, call, send, { limits: this.policy, emit: this.#emit, silentTtlMs });
      },
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

  #failedCall(what: string, isSafe: boolean, isOwnSession = false): FailedCall {
    const { stateful, maxMessageBytes } = this.policy;
    const isStateful = stateful || isOwnSession;
    return { server: this.name, what, isSafe, isStateful, maxMessageBytes, secrets: this.secrets };
  }

  readonly #emit = (event: EventBody): void => {
    const { events } = this.#context;
    if (events.isHeard) events.emit(this.secrets.maskRecord({ ...event, server: this.name, at: Date.now() }));
  };
}
