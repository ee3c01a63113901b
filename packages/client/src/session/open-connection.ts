import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { CustomServer, HttpServer, StdioServer } from "../config/server-config.js";
import type { McpSession } from "../mcp-session.js";
import { settledWithin } from "./abort.js";
import { type Connection, registerConnection } from "./connection.js";
import { tap } from "./custom/message-tap.js";
import { SessionRequests } from "./custom/session-requests.js";
import { Exchange } from "./exchange.js";
import { Exchanges } from "./exchanges.js";
import { Failure } from "./failure.js";
import type { HttpSockets, SendHttp } from "./http/http-sockets.js";
import { HttpWire } from "./http/http-wire.js";
import { failureOf } from "./http/status-failure.js";
import { forget, quietly } from "./quietly.js";
import { Secrets } from "./redact.js";
import type { Requests } from "./requests.js";
import { answerServerRequests, type ServerRequestHandler } from "./server-requests.js";
import { SessionConnection } from "./session-connection.js";
import { StdioWire } from "./stdio/stdio-wire.js";
import { type Wire, WireTransport } from "./wire.js";

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
  readonly #failed: Promise<never>;
  readonly #exchanges: Exchanges;
  readonly #reject: (error: unknown) => void;
  /** Undefined until there is one, and where somebody else opens the session. */
  #wire: Wire | undefined;
  #isOpen = false;

  constructor(options: OpenConnectionOptions) {
    this.#options = options;
    this.#secrets = options.secrets ?? new Secrets();
    const { promise, reject } = rejectable();
    this.#failed = promise;
    this.#reject = reject;
    forget(this.#failed);
    this.#exchanges = new Exchanges({
      handshake: new Exchange({ onFailed: (failure) => this.#reject(failure) }),
      secrets: this.#secrets,
      onNotification: (method, params) =>
        this.#options.onNotification(method, params, (value) => this.#secrets.maskJson(value)),
    });
  }

  async open(): Promise<Connection> {
    const { signal, connectTimeoutMs } = this.#options;
    const abort = (): void => this.#reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const late = (): void => this.#reject(this.#late(connectTimeoutMs));
    const timer = Number.isFinite(connectTimeoutMs) ? setTimeout(late, connectTimeoutMs) : undefined;
    try {
      const { target } = this.#options;
      const connection = await ("connect" in target ? this.#openCustom(target) : this.#openOwn(target));
      registerConnection(connection);
      this.#isOpen = true;
      return connection;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Whose fault it is that the time is over: the server's only where it has been asked. */
  #late(ms: number): Failure {
    if (this.#wire?.awaitsServer?.() ?? true)
      return new Failure("connect", `it was not connected within ${ms} ms`, { delivery: "not-sent" });
    const problem = `neither the function that gives its headers nor its authProvider was done within ${ms} ms`;
    return new Failure("application", problem, { delivery: "not-sent" });
  }

  async #openOwn(target: StdioServer | HttpServer): Promise<Connection> {
    const { clientInfo, capabilities, onServerRequest, closeTimeoutMs } = this.#options;
    const wire = this.#wireTo(target);
    this.#wire = wire;
    this.#options.onBegun?.({
      stderrTail: () => wire.stderrTail(),
      awaitsServer: () => wire.awaitsServer?.() ?? true,
    });
    const client = new Client({ ...clientInfo }, { capabilities });
    if (onServerRequest !== undefined) answerServerRequests(client, this.#exchanges, capabilities, onServerRequest);
    const transport: WireTransport = new WireTransport({
      wire,
      exchanges: this.#exchanges,
      events: {
        onEnded: (failure, how) => this.#ended(connection, failure, how),
        onDoubt: (refusal) => connection.doubt(refusal),
        onGap: () => this.#tellGap(connection),
      },
      failureOf: (error, exchange) => failureOf(error, exchange, { hasSession: false }),
    });
    const connection = this.#connection(client, transport, wire);
    try {
      await Promise.race([client.connect(transport, { timeout: 2_147_483_647 }), this.#failed]);
      await Promise.race([wire.ready?.(), this.#failed]);
      return connection;
    } catch (error) {
      const failure = this.#explain(error, wire);
      forget(client.close());
      await wire.close(closeTimeoutMs, { hasty: true });
      throw failure;
    }
  }

  async #openCustom(target: CustomServer): Promise<Connection> {
    const { server, principal, closeTimeoutMs } = this.#options;
    const wanted = new AbortController();
    // In a promise, so that a synchronous throw is a rejection too.
    const connecting = Promise.resolve().then(() => target.connect({ server, principal, signal: wanted.signal }));
    let session: McpSession;
    try {
      session = await Promise.race([connecting, this.#failed]);
    } catch (error) {
      wanted.abort(error);
      // Whatever arrives too late is closed, and not waited for: it may never come.
      forget(connecting.then((late) => settledWithin(late.close(), closeTimeoutMs)));
      throw this.#explain(error);
    }
    if (!isSession(session)) throw this.#explain(new TypeError("connect() did not return a session of the MCP SDK"));
    const tapped = tap(session, this.#exchanges, (error, exchange) => failureOf(error, exchange, { hasSession: true }));
    const requests = new SessionRequests({
      session,
      exchanges: this.#exchanges,
      tap: tapped,
      failureOf: (error, exchange) => failureOf(error, exchange, { hasSession: true }),
    });
    const connection = this.#connection(session, requests);
    const onclose = session.onclose;
    session.onclose = () => {
      onclose?.call(session);
      this.#ended(connection, new Failure("closed", "the session ended", { delivery: "sent" }), {
        sparesRequests: false,
      });
    };
    return connection;
  }

  #wireTo(target: StdioServer | HttpServer): Wire {
    const shared = { secrets: this.#secrets, maxMessageBytes: this.#options.maxMessageBytes };
    const { principal, sockets, send: sendOut = sockets.send } = this.#options;
    if ("url" in target) {
      const send: SendHttp = (url, request) => {
        this.#secrets.addSent(request.headers);
        return sendOut(url, request);
      };
      return new HttpWire({ ...shared, server: target, principal, sockets, send });
    }
    this.#secrets.addEnv(target.env ?? {});
    this.#secrets.addArgs(target.args ?? []);
    return new StdioWire({ ...shared, server: target, exchanges: this.#exchanges });
  }

  #connection(session: McpSession, requests: Requests, wire?: Wire): SessionConnection {
    const { closeTimeoutMs, onDied } = this.#options;
    return new SessionConnection({ session, requests, secrets: this.#secrets, closeTimeoutMs, onDied, wire });
  }

  #ended(connection: SessionConnection, failure: Failure, how?: { readonly sparesRequests: boolean }): void {
    if (this.#isOpen) connection.die(failure, how);
    else this.#reject(failure);
  }

  /** Notices may have been lost: every list that announces its changes may have changed. */
  #tellGap(connection: SessionConnection): void {
    const { capabilities } = connection.serverInfo;
    for (const list of ["tools", "resources", "prompts"]) {
      const declared = capabilities[list];
      if (
        typeof declared !== "object" ||
        declared === null ||
        !("listChanged" in declared) ||
        declared.listChanged !== true
      )
        continue;
      quietly(() => this.#options.onNotification(`notifications/${list}/list_changed`, undefined, (value) => value));
    }
  }

  #explain(error: unknown, wire?: Wire): unknown {
    const { signal } = this.#options;
    if (signal.aborted) return signal.reason;
    const failure = failureOf(error, this.#exchanges.handshake, { hasSession: false });
    const isOwn = failure.kind === "http" || failure.kind === "rpc" || failure.kind === "application";
    const message =
      failure.cause instanceof Error && !isOwn && failure.cause.message !== ""
        ? failure.cause.message
        : failure.message;
    return failure.with({
      kind: isOwn ? failure.kind : "connect",
      message: this.#secrets.clean(message),
      delivery: "not-sent",
      isOpening: true,
      doubtsSession: false,
      stderrTail: wire?.stderrTail() ?? "",
      cause: keepsCause(failure) ? failure.cause : this.#secrets.maskError(failure.cause),
    });
  }
}

/** Errors that are rethrown as they are: the server's own, and those of the application. */
function keepsCause({ kind }: Failure): boolean {
  return kind === "rpc" || kind === "application";
}

function rejectable(): { readonly promise: Promise<never>; readonly reject: (error: unknown) => void } {
  let reject: ((error: unknown) => void) | undefined;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  return { promise, reject: (error) => reject?.(error) };
}

function isSession(session: unknown): session is McpSession {
  if (typeof session !== "object" || session === null) return false;
  return ["request", "close", "getServerCapabilities"].every(
    (method) => typeof Reflect.get(session, method) === "function",
  );
}
