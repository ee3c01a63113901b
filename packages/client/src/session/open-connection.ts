import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestHandler } from "../config/client-options.js";
import type { CustomServer, HttpServer, ProtocolVersion, StdioServer } from "../config/server-config.js";
import type { McpSession } from "../mcp-session.js";
import { orAborted, rejectable, settledWithin } from "./abort.js";
import type { Answering } from "./answering.js";
import type { Connection } from "./connection.js";
import { isDisconnected, isSession, tapMessages } from "./custom/message-tap.js";
import { SessionSender } from "./custom/session-sender.js";
import { askOrGreet } from "./era/ask-or-greet.js";
import { announcesChanges } from "./era/dialect.js";
import type { ModernOptions } from "./era/modern.js";
import { eraOf } from "./era/protocol-versions.js";
import type { ServerMemory } from "./era/server-memory.js";
import type { Exchange } from "./exchange.js";
import type { ExchangeSender } from "./exchange-sender.js";
import { Exchanges, RpcChannel } from "./exchanges.js";
import { Failure } from "./failure.js";
import { findTransport, type TransportAttempt } from "./http/find-transport.js";
import type { HttpSockets, SendHttp } from "./http/http-sockets.js";
import { HttpWire } from "./http/http-wire.js";
import { failureOf } from "./http/status-failure.js";
import { openingFailure } from "./opening-failure.js";
import { forget, quietly } from "./quietly.js";
import { Secrets } from "./redact.js";
import { SessionConnection } from "./session-connection.js";
import { StdioWire } from "./stdio/stdio-wire.js";
import type { Wire, WireOptions } from "./wire.js";
import { WireSession } from "./wire-session.js";

/** How a connection is opened. */
export interface OpenConnectionOptions {
  /** The server's name in the configuration. */
  readonly server: string;
  readonly target: StdioServer | HttpServer | CustomServer;
  readonly principal: string | undefined;
  /** Aborts when the connection is not wanted any more; of no consequence once it is open. */
  readonly signal: AbortSignal;
  readonly connectTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly maxMessageBytes: number;
  /** What must not leave, of all connections to the server; its own by default. */
  readonly secrets?: Secrets | undefined;
  /** The sockets of the server, where it is reached over HTTP. */
  readonly sockets: HttpSockets;
  /** By which requests go to it: the sockets themselves, or a layer in front of them. */
  readonly send?: SendHttp | undefined;
  /** What was found out about the server by the connections before. */
  readonly memory: ServerMemory;
  readonly protocol: "auto" | ProtocolVersion;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly capabilities: ClientCapabilities;
  /** Answers elicitation, sampling and roots requests, as far as `capabilities` declare them. */
  readonly onServerRequest?: ServerRequestHandler | undefined;
  /** Called when the attempt has begun, for those who want to know meanwhile how it fares. */
  readonly onBegun?: ((attempt: Attempt) => void) | undefined;
  /**
   * Receives every notification but progress, also those that come during the handshake. What is handed on of its
   * parameters has to go through `mask`, which takes the secrets out.
   */
  readonly onNotification: (method: string, params: unknown, mask: (params: unknown) => unknown) => void;
  /** Called instead for each change of a list that the server may have announced unheard. */
  readonly onMissed?: ((method: string) => void) | undefined;
  /** Called when changes of lists go unheard, though the connection is open. */
  readonly onUnheard?: (() => void) | undefined;
  /** Called once, when the connection is open and ends without `close()`. Calls in flight reject by themselves. */
  readonly onDied: (failure: Failure) => void;
}

/** A connection that is being opened. */
export interface Attempt {
  /** The end of what the server wrote to stderr so far, masked. */
  stderrTail(): string;
  /** Whether it waits for the server, and not for code of the application. */
  awaitsServer(): boolean;
}

/**
 * Opens a connection. Rejects with `signal.reason` on abort, otherwise with a `Failure`: `http` where the server
 * refused, `rpc` where it answered with an error, `connect` for everything else. By then nothing of the attempt is
 * alive any more.
 */
export async function openConnection(options: OpenConnectionOptions): Promise<Connection> {
  options.signal.throwIfAborted();
  return new Opening(options).open();
}

/** One attempt to open a connection. */
class Opening {
  readonly #options: OpenConnectionOptions;
  readonly #secrets: Secrets;
  /** Aborts when the attempt is given up, or has taken too long. */
  readonly #ending = new AbortController();
  readonly #exchanges: Exchanges;
  /** Undefined until there is one, and where somebody else opens the session. */
  #wire: Wire | undefined;
  /** Whether what was being connected to has ended by itself. */
  #hasEnded = false;
  #session: WireSession | undefined;

  constructor(options: OpenConnectionOptions) {
    this.#options = options;
    this.#secrets = options.secrets ?? new Secrets();
    this.#exchanges = new Exchanges({
      secrets: this.#secrets,
      onNotification: (method, params) => {
        if (this.#session?.takes(method, params) === true) return;
        this.#options.onNotification(method, params, (value) => this.#secrets.maskJson(value));
      },
    });
  }

  async open(): Promise<Connection> {
    const { signal, connectTimeoutMs, target } = this.#options;
    const abort = (): void => this.#ending.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const late = (): void => this.#ending.abort(this.#late(connectTimeoutMs));
    const timer = Number.isFinite(connectTimeoutMs) ? setTimeout(late, connectTimeoutMs) : undefined;
    try {
      const connection = await ("connect" in target ? this.#openCustom(target) : this.#openOwn(target));
      this.#options.memory.protocol = connection.serverInfo.protocol;
      return connection;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Whose fault it is that the time is over: the server's only where it has been asked. */
  #late(ms: number): Failure {
    if (this.#wire?.awaitsServer?.() ?? true)
      return new Failure("connect", `it was not connected within ${ms} ms`, { delivery: "not-sent", isOpening: true });
    const problem = `neither the function that gives its headers nor its authProvider was done within ${ms} ms`;
    return new Failure("application", problem, { delivery: "not-sent", isOpening: true });
  }

  async #openOwn(target: StdioServer | HttpServer): Promise<Connection> {
    const { memory, principal, protocol, signal, sockets, send = sockets.send } = this.#options;
    if ("command" in target) {
      const wire = (): Wire => new StdioWire({ server: target, exchanges: this.#exchanges, ...this.#shared });
      const attempt = (): Promise<Connection> => this.#attempt(wire(), { kind: "stdio", greets: "if-refused" });
      const mayGreet = (): boolean => this.#hasEnded && protocol === "auto" && !signal.aborted;
      return await askOrGreet(attempt, memory, mayGreet);
    }
    const parts = { server: target, ...this.#shared, principal, sockets, send };
    return await findTransport({
      configured: target.type,
      isAsked: protocol === "auto",
      memory,
      signal: this.#ending.signal,
      open: (attempt) => this.#attempt(new HttpWire({ ...parts, kind: attempt.kind }), attempt),
    });
  }

  async #attempt(
    wire: Wire,
    { kind, greets, patience, onStarted }: Omit<TransportAttempt, "kind"> & { readonly kind: ModernOptions["kind"] },
  ): Promise<Connection> {
    const { clientInfo, capabilities, closeTimeoutMs, connectTimeoutMs, memory, principal, protocol } = this.#options;
    this.#wire = wire;
    this.#options.onBegun?.({
      stderrTail: () => wire.stderrTail(),
      awaitsServer: () => wire.awaitsServer?.() ?? true,
    });
    const ended = rejectable();
    forget(ended.promise);
    const end = (failure: Failure): void => {
      this.#hasEnded = true;
      ended.reject(failure);
    };
    const unclear = (error: unknown, exchange: Exchange): Failure => failureOf(error, exchange, { hasSession: false });
    const session: WireSession = new WireSession({
      wire,
      exchanges: this.#exchanges,
      channel: new RpcChannel({ wire, exchanges: this.#exchanges, failureOf: unclear }),
      ...{ clientInfo, capabilities, connectTimeoutMs, memory, principal, protocol, kind, greets },
      answering: this.#answering,
      signal: this.#ending.signal,
      onLost: () => quietly(() => this.#options.onUnheard?.()),
      onGap: () => this.#tellGap(session),
      onResourceGap: (uris) => {
        for (const uri of uris) this.#tell("notifications/resources/updated", { uri });
      },
    });
    this.#session = session;
    let connection: SessionConnection | undefined;
    const open = async (): Promise<SessionConnection> => {
      await wire.start({
        onMessage: session.receive,
        onEnded: (failure, how) => (connection === undefined ? end(failure) : connection.die(failure, how)),
        onDoubt: (refusal) => connection?.doubt(refusal),
        onGap: () => this.#tellGap(session),
      });
      onStarted?.();
      await session.open();
      return this.#connection(session, session.sender, wire);
    };
    try {
      const opened = Promise.race([open(), ended.promise]).catch((error: unknown) => {
        // That a process takes nothing any more is known before it is known why.
        if (kind === "stdio" && error instanceof Failure && error.endsConnection) return ended.promise;
        throw error;
      });
      connection = await orAborted(patience ? orAborted(opened, patience) : opened, this.#ending.signal);
      return connection;
    } catch (error) {
      const failure = this.#explain(error, wire);
      forget(session.close());
      await wire.close(closeTimeoutMs, { hasty: true });
      throw failure;
    }
  }

  async #openCustom(target: CustomServer): Promise<Connection> {
    const { server, principal, closeTimeoutMs, memory } = this.#options;
    const wanted = new AbortController();
    // To load it takes longer than all of this package: only who has sessions of their own does.
    const sdk = import("@modelcontextprotocol/sdk/client/index.js");
    // In a promise, since connect() may throw synchronously.
    const connecting = Promise.resolve().then(() => target.connect({ server, principal, signal: wanted.signal }));
    let session: McpSession;
    try {
      session = await orAborted(connecting, this.#ending.signal);
    } catch (error) {
      wanted.abort(error);
      // Whatever arrives too late is closed, and not waited for: it may never come.
      forget(connecting.then((late) => settledWithin(late.close(), closeTimeoutMs)));
      throw this.#explain(error);
    }
    if (!isSession(session)) throw this.#explain(new TypeError("connect() did not return a session of the MCP SDK"));
    if (isDisconnected(session))
      throw this.#explain(new TypeError("connect() returned a session that has no connection"));
    const { Client } = await sdk;
    const tap = tapMessages(session, this.#exchanges, (error, exchange) =>
      failureOf(error, exchange, { hasSession: true }),
    );
    const sender = new SessionSender({
      session,
      isV1: session instanceof Client,
      exchanges: this.#exchanges,
      tap,
      toolHeaders: memory.toolHeadersFor(principal),
      failureOf: (error, exchange) => failureOf(error, exchange, { hasSession: true }),
    });
    const connection = this.#connection(session, sender);
    const onclose = session.onclose;
    session.onclose = () => {
      onclose?.call(session);
      connection.die(new Failure("closed", "the session ended", { delivery: "sent" }));
    };
    return connection;
  }

  get #shared(): WireOptions {
    const { maxMessageBytes } = this.#options;
    return { secrets: this.#secrets, maxMessageBytes };
  }

  get #answering(): Answering {
    const { capabilities, onServerRequest } = this.#options;
    return { capabilities, handler: onServerRequest };
  }

  #connection(session: McpSession, sender: ExchangeSender, wire?: Wire): SessionConnection {
    const { closeTimeoutMs } = this.#options;
    const answering = this.#answering;
    const onDied = (failure: Failure): void => {
      const protocol = sender.protocolVersion;
      // Without a session to forget, the server has been replaced by one of an older revision.
      const isOther = failure.kind === "session-lost" && protocol !== undefined && eraOf(protocol) === "modern";
      if (isOther && Number(failure.status ?? 0) < 500) this.#options.memory.forget();
      this.#options.onDied(failure);
    };
    const secrets = this.#secrets;
    return new SessionConnection({ session, answering, sender, secrets, closeTimeoutMs, onDied, wire });
  }

  /** Notifications may have been lost: every list that announces its changes may have changed. */
  #tellGap(session: WireSession): void {
    const capabilities: Readonly<Record<string, unknown>> = { ...session.getServerCapabilities() };
    for (const list of ["tools", "resources", "prompts"])
      if (announcesChanges(capabilities, list))
        quietly(() => this.#options.onMissed?.(`notifications/${list}/list_changed`));
  }

  /** Tells of what the server may have said unheard. */
  #tell(method: string, params: unknown): void {
    quietly(() => this.#options.onNotification(method, params, (value) => value));
  }

  #explain(error: unknown, wire?: Wire): unknown {
    const { signal } = this.#options;
    return signal.aborted ? signal.reason : openingFailure(error, this.#secrets, wire?.stderrTail());
  }
}
