import type { Cancellation } from "../cancellation.js";
import type { McpSession } from "../mcp-session.js";
import { settledWithin } from "./abort.js";
import type { Answering } from "./answering.js";
import type { Connection, ExchangeInit, SendOptions, ServerInfo } from "./connection.js";
import { isReplaced } from "./era/protocol-errors.js";
import { Exchange } from "./exchange.js";
import type { ExchangeSender } from "./exchange-sender.js";
import { Failure } from "./failure.js";
import { forget, ignore, quietly } from "./quietly.js";
import type { Secrets } from "./redact.js";
import { SessionDoubt } from "./session-doubt.js";
import type { Wire } from "./wire.js";

/** A server that does not answer a ping for so long has not said that it knows no session. */
const doubtTimeoutMs = 5_000;

const connections = new WeakMap<McpSession, Connection>();

/** The connection that a pooled session belongs to; undefined where it was not opened here. */
export function connectionOf(session: McpSession): Connection | undefined {
  return connections.get(session);
}

/** A {@link Connection} over a session, whoever opened it; `connectionOf(session)` leads to it. */
export class SessionConnection implements Connection {
  readonly session: McpSession;
  readonly answering: Answering;
  readonly #sender: ExchangeSender;
  readonly #secrets: Secrets;
  readonly #closeTimeoutMs: number;
  readonly #onDied: (failure: Failure) => void;
  /** Undefined where somebody else opened the session. */
  readonly #wire: Wire | undefined;
  readonly #active = new Set<Exchange>();
  readonly #doubt: SessionDoubt = new SessionDoubt({
    ping: () => this.#pingInDoubt(),
    onLost: (failure) => this.die(failure, { sparesRequests: true }),
  });
  #ended: Failure | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: {
    readonly session: McpSession;
    readonly answering: Answering;
    readonly sender: ExchangeSender;
    readonly secrets: Secrets;
    readonly closeTimeoutMs: number;
    readonly onDied: (failure: Failure) => void;
    readonly wire?: Wire | undefined;
  }) {
    this.session = options.session;
    connections.set(options.session, this);
    this.answering = options.answering;
    this.#sender = options.sender;
    this.#secrets = options.secrets;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#onDied = options.onDied;
    this.#wire = options.wire;
  }

  get serverInfo(): ServerInfo {
    return serverInfoOf(this.session, this.#sender.protocolVersion);
  }

  lacks(capability: string): boolean {
    const declared = this.session.getServerCapabilities();
    return declared !== undefined && Reflect.get(declared, capability) === undefined;
  }

  send(init: ExchangeInit, options: SendOptions): Promise<unknown> {
    return this.#send(init, options, { settlesDoubt: false });
  }

  #send(
    init: ExchangeInit,
    options: SendOptions,
    { settlesDoubt }: { readonly settlesDoubt: boolean },
  ): Promise<unknown> {
    const { signal } = options;
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#ended !== undefined)
      return Promise.reject(this.#ended.with({ delivery: "not-sent", refusal: undefined }));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        signal.removeEventListener("abort", abort);
        this.#active.delete(exchange);
      };
      const exchange = new Exchange({
        onResult: (result) => {
          settle();
          resolve(result);
        },
        onFailed: (given) => {
          const failure = isReplaced(given, this.#sender.protocolVersion) ? refusedBy(given) : given;
          const end = (outcome: Failure): void => {
            settle();
            reject(this.#masked(outcome));
          };
          if (failure.doubtsSession && !settlesDoubt) return void this.#doubt.settle(failure).then(end);
          end(failure);
          // Nobody else is to get this connection. The requests sent before may be under way: each learns its own fate.
          if (failure.kind === "session-lost" || (failure.kind === "closed" && failure.endsConnection))
            this.die(failure, { sparesRequests: true });
          if (failure.kind === "rpc" && !settlesDoubt) this.#doubt.hint(failure);
        },
        onStarted: options.onStarted,
        onSent: options.onSent,
        onWaiting: options.onWaiting,
        onProgress: options.onProgress,
        call: options.call,
      });
      const abort = (): void => {
        settle();
        reject(signal.reason);
        exchange.giveUp();
        cancel();
      };
      signal.addEventListener("abort", abort);
      this.#active.add(exchange);
      let cancel = ignore;
      try {
        cancel = this.#sender.send(init, exchange);
        // The caller aborted while the request was being sent, when `cancel` did nothing yet.
        if (signal.aborted) cancel();
      } catch (error) {
        settle();
        reject(error);
      }
    });
  }

  async ping(signal: Cancellation): Promise<void> {
    const { pingMethod } = this.#sender;
    let failure = await this.#answerTo(pingMethod, signal);
    if (pingMethod === "ping" && failure !== undefined && isUnknownToRevision(failure.cause))
      failure = await this.#answerTo("server/discover", signal);
    if (failure !== undefined && failure.kind !== "rpc") throw failure;
  }

  check(): Promise<void> {
    return this.#doubt.check();
  }

  /** To be called where the server refuses something that a session entitles to. */
  doubt(failure: Failure): void {
    if (this.#ended === undefined) void this.#doubt.settle(failure);
  }

  stderrTail(): string {
    return this.#wire?.stderrTail() ?? "";
  }

  close(): Promise<void> {
    this.#ended ??= new Failure("closed", "the connection was closed", { delivery: "sent", endsConnection: true });
    this.#closed ??= this.#close(this.#ended, { hasty: false });
    return this.#closed;
  }

  /** To be called when the connection turns out to be of no use any more. */
  die(failure: Failure, options: { readonly sparesRequests: boolean } = { sparesRequests: false }): void {
    if (this.#ended !== undefined) {
      // Requests that were left to end by themselves can no longer be answered: they fail now.
      if (!options.sparesRequests) this.#closed ??= this.#close(this.#ended, { hasty: true });
      return;
    }
    const masked = this.#masked(failure).with({ endsConnection: true });
    this.#ended = masked;
    if (failure.kind === "session-lost") this.#doubt.noteLost();
    // Requests with a connection of their own end by themselves; the owner closes what is left.
    if (!options.sparesRequests) this.#closed = this.#close(masked, { hasty: true });
    quietly(() => this.#onDied(masked));
  }

  async #close(ended: Failure, options: { readonly hasty: boolean }): Promise<void> {
    for (const exchange of [...this.#active]) exchange.fail(ended.with({ delivery: exchange.delivery }));
    // In a promise, since the close() of a custom session may throw synchronously.
    const closing = Promise.resolve().then(() => this.session.close());
    forget(closing);
    if (this.#wire === undefined) await settledWithin(closing, this.#closeTimeoutMs);
    else await this.#wire.close(this.#closeTimeoutMs, options);
  }

  /** What the ping that settles a doubt failed with; a server that says nothing refuses nothing. */
  async #pingInDoubt(): Promise<Failure | undefined> {
    const signal = AbortSignal.timeout(doubtTimeoutMs);
    return await this.#answerTo("ping", signal, { settlesDoubt: true }).catch(() => undefined);
  }

  async #answerTo(
    method: string,
    signal: Cancellation,
    how: { readonly settlesDoubt: boolean } = { settlesDoubt: false },
  ): Promise<Failure | undefined> {
    try {
      await this.#send({ method }, { signal }, how);
      return undefined;
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }

  /** The server's own errors are masked where they arrive, and rethrown as they are. */
  #masked(failure: Failure): Failure {
    const isKept = failure.kind === "rpc" || failure.kind === "application";
    const cause = isKept ? failure.cause : this.#secrets.maskError(failure.cause);
    const refusal = failure.refusal && this.#masked(failure.refusal);
    return failure.with({ message: this.#secrets.clean(failure.message), cause, refusal });
  }
}

/** Whether a session refuses to send what its revision does not have. One that was opened elsewhere need not tell its revision. */
function isUnknownToRevision(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "METHOD_NOT_SUPPORTED_BY_PROTOCOL_VERSION";
}

/** Who the server of a session is, as far as the session tells. */
export function serverInfoOf(session: McpSession, protocolVersion: string | undefined): ServerInfo {
  const { name = "", version = "" } = session.getServerVersion?.() ?? {};
  return {
    name,
    version,
    instructions: session.getInstructions?.(),
    capabilities: { ...session.getServerCapabilities() },
    protocol: protocolVersion ?? session.getNegotiatedProtocolVersion?.() ?? transportVersion(session.transport),
  };
}

/** SDK v1 tells the revision to its transport alone, and that of HTTP alone keeps it. */
function transportVersion(transport: unknown): string | undefined {
  const version: unknown =
    typeof transport === "object" && transport !== null ? Reflect.get(transport, "protocolVersion") : undefined;
  return typeof version === "string" ? version : undefined;
}

/** What a connection comes to whose server does not know the revision any more: it ran nothing, and is to be asked anew. */
function refusedBy(refusal: Failure): Failure {
  const details = { delivery: "not-sent", cause: refusal.cause, refusal, endsConnection: true } as const;
  return new Failure("session-lost", `the server does not speak the revision any more: ${refusal.message}`, details);
}
