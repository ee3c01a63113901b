import {
  type JSONRPCMessage,
  McpError,
  type Progress,
  type RequestId,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../untrusted.js";
import { arrived, isErrorWithoutId } from "./arrived.js";
import type { CallOrigin, ExchangeInit } from "./connection.js";
import { Exchange } from "./exchange.js";
import { Failure } from "./failure.js";
import { forget, quietly } from "./quietly.js";
import type { Secrets } from "./redact.js";
import { type RpcError, rpcErrorFrom } from "./rpc-error.js";
import type { RpcOutcome } from "./server-requests.js";
import type { MessageHeaders, Wire } from "./wire.js";

const parseError = -32_700;
const invalidRequest = -32_600;

/**
 * What is on its way on one connection. Everything sent and received passes here, because the SDK forgets what
 * matters: whether a request was written, and progress that arrives together with the result.
 */
export class Exchanges {
  readonly #open = new Map<RequestId, Exchange>();
  readonly #progressing = new Map<unknown, Exchange>();
  readonly #secrets: Secrets;
  readonly #onNotification: (method: string, params: unknown) => void;
  #next: Exchange | undefined;
  /** The last request, by its id, and the last that was answered: what was sent before that one has been read. */
  #lastId = 0;
  #lastRead = 0;
  /** The request after which something else was sent last, of which nothing tells that it was read. */
  #silentAfter = -1;

  constructor(options: {
    readonly secrets: Secrets;
    readonly onNotification: (method: string, params: unknown) => void;
  }) {
    this.#secrets = options.secrets;
    this.#onNotification = options.onNotification;
  }

  /**
   * Runs `send`, which hands one request to the SDK, and ties that request to `exchange`. A session that does not send
   * at once cannot be watched: then the request counts as sent.
   */
  bind<T>(exchange: Exchange, send: () => T): T {
    this.#next = exchange;
    if (exchange.onProgress !== undefined) this.#awaitProgress(exchange);
    try {
      return send();
    } finally {
      if (this.#next === exchange) exchange.markSent();
      this.#next = undefined;
    }
  }

  /** Notes a request that goes past the SDK. */
  add(exchange: Exchange, id: number): void {
    exchange.id = id;
    exchange.requestId = id;
    this.#lastId = id;
    this.#open.set(id, exchange);
    // An exchange that fails without an answer is removed too, not only at the end of the connection.
    exchange.onceOver(() => this.#open.delete(id));
    if (exchange.onProgress !== undefined) this.#awaitProgress(exchange);
  }

  /** Notes a message to which no answer will come: a notification, or an answer to the server. */
  addUnanswered(): void {
    this.#silentAfter = this.#lastId;
  }

  /**
   * What came over the only way that there is from the server. An error that names no request, as a server tells that could not
   * read one, is made the answer to the last request, where it can be about nothing else that was sent. It can be about a
   * notification: to many a server what has no id is invalid, or not even parsed.
   */
  addressed(message: unknown): unknown {
    const isClear = this.#lastRead === this.#lastId - 1 && this.#silentAfter < this.#lastRead;
    if (!isClear || !isErrorWithoutId(message)) return message;
    const code = rpcErrorFrom(message.error)?.code;
    return code === parseError || code === invalidRequest ? { ...message, id: this.#lastId } : message;
  }

  get(id: RequestId): Exchange | undefined {
    return this.#open.get(id);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Notes a message that is about to be sent. Returns the exchange where it is a request. */
  outgoing(message: JSONRPCMessage): Exchange | undefined {
    if (!("method" in message)) return undefined;
    if (!("id" in message)) {
      const given = message.method === "notifications/cancelled" ? message.params?.requestId : undefined;
      if (typeof given === "number" || typeof given === "string") this.#open.delete(given);
      return undefined;
    }
    const exchange = this.#next ?? new Exchange({ onFailed: () => {} });
    this.#next = undefined;
    exchange.requestId = message.id;
    this.#open.set(message.id, exchange);
    return exchange;
  }

  /** Notes a message that arrived, with the exchange in whose reply it came. Returns what the SDK is to see of it; undefined where that is nothing. */
  incoming(received: unknown): JSONRPCMessage | undefined {
    if (!isObject(received)) return undefined;
    const message = arrived(received);
    if (!isMessage(message)) return undefined;
    if (!("method" in message)) return this.#answer(message);
    if ("id" in message) {
      const { jsonrpc, id, method, params } = message;
      return { jsonrpc, id, method, ...(params !== undefined && { params }) };
    }
    if (message.method === "notifications/progress" && this.#progress(message.params)) return undefined;
    quietly(() => this.#onNotification(message.method, message.params));
    return message;
  }

  /** The calls that a request of the server can belong to: the one in whose reply it came, or any of those on their way. */
  callsFor(replyTo: Exchange | undefined): readonly CallOrigin[] {
    if (replyTo?.call !== undefined) return [replyTo.call];
    return [...this.#open.values()].flatMap(({ call }) => call ?? []);
  }

  /** Fails all that is on its way, since the wire is no more. */
  failAll(failure: Failure): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const exchange of open) exchange.fail(failure);
  }

  /** Forgets a request whose failure was reported. */
  drop(id: RequestId): void {
    this.#open.delete(id);
  }

  #answer(message: JSONRPCMessage): JSONRPCMessage | undefined {
    const id = "id" in message ? message.id : undefined;
    const known = typeof id === "string" && !this.#open.has(id) ? Number(id) : id;
    const exchange = known === undefined ? undefined : this.#open.get(known);
    if (typeof known === "number" && known <= this.#lastId) this.#lastRead = Math.max(known, this.#lastRead);
    if (id === undefined || known === undefined || exchange === undefined) return message;
    this.#open.delete(known);
    exchange.markSent();
    const told = "error" in message ? rpcErrorFrom(message.error) : undefined;
    if (told !== undefined) {
      const error = this.#masked(told);
      exchange.answered("error");
      if (exchange.id === undefined) return { jsonrpc: "2.0", id, error };
      exchange.reject(rpcFailure(error, exchange));
      return undefined;
    }
    if ("result" in message && isResult(message.result, exchange)) {
      exchange.answered("result");
      // Nothing but what the SDK knows: it ignores an answer with any other member, and the call would hang.
      if (exchange.id === undefined) return { jsonrpc: "2.0", id, result: message.result };
      exchange.resolve(message.result);
      return undefined;
    }
    exchange.fail(new Failure("invalid-result", "the answer is neither a result nor an error", { delivery: "sent" }));
    return exchange.id === undefined ? failedAnswer(id) : undefined;
  }

  #awaitProgress(exchange: Exchange): void {
    const { progressToken } = exchange;
    this.#progressing.set(progressToken, exchange);
    exchange.onceOver(() => this.#progressing.delete(progressToken));
  }

  #masked({ code, message, data }: RpcError): RpcError {
    return {
      code,
      message: this.#secrets.clean(message),
      ...(data !== undefined && { data: this.#secrets.maskJson(data) }),
    };
  }

  /** The SDK hands progress on a microtask later than the result it came with, and then drops it. */
  #progress(params: unknown): boolean {
    if (typeof params !== "object" || params === null || !("progressToken" in params)) return false;
    const exchange = this.#progressing.get(params.progressToken);
    if (exchange === undefined) return false;
    const progress = progressOf(params);
    if (progress !== undefined) quietly(() => exchange.onProgress?.(progress));
    return true;
  }
}

function isMessage(message: object): message is JSONRPCMessage {
  if (!("jsonrpc" in message) || message.jsonrpc !== "2.0") return false;
  // Of any other type an id names no request; nested deeply it cannot even be written into an answer.
  if ("method" in message && "id" in message && !["string", "number"].includes(typeof message.id)) return false;
  return !("params" in message) || message.params === undefined || isObject(message.params);
}

/** What is not of its type beside a progress is as absent as what is null: the progress itself shows that the server is at work. */
function progressOf(params: object): Progress | undefined {
  const { progress, total, message }: Partial<Record<keyof Progress, unknown>> = params;
  if (typeof progress !== "number" || !Number.isFinite(progress)) return undefined;
  return {
    progress,
    ...(typeof total === "number" && Number.isFinite(total) && { total }),
    ...(typeof message === "string" && { message }),
  };
}

function isResult(value: unknown, { id }: Exchange): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  // What the SDK is to see has to please its schema, which takes its time.
  return id !== undefined || ResultSchema.safeParse(value).success;
}

/** With the error that the SDK would throw. */
function rpcFailure({ code, message, data }: RpcError, { isUnmatched }: Exchange): Failure {
  const cause = McpError.fromError(code, message, data);
  return new Failure("rpc", cause.message, { delivery: "sent", cause, doubtsSession: isUnmatched });
}

/** What the SDK is told in place of an answer, so that it forgets the request. */
export function failedAnswer(id: RequestId): JSONRPCMessage {
  return { jsonrpc: "2.0", id, error: { code: -32000, message: "no answer" } };
}

/** Numbers the requests of one connection, sends messages, and ties each request to its exchange. */
export class RpcChannel {
  readonly #wire: Wire;
  readonly #exchanges: Exchanges;
  readonly #failureOf: (error: unknown, exchange: Exchange) => Failure;
  #lastId = 0;

  constructor(options: {
    readonly wire: Wire;
    readonly exchanges: Exchanges;
    readonly failureOf: (error: unknown, exchange: Exchange) => Failure;
  }) {
    this.#wire = options.wire;
    this.#exchanges = options.exchanges;
    this.#failureOf = options.failureOf;
  }

  /** Sends a request. Returns its id. Throws where the parameters cannot be written as JSON: then nothing has begun. */
  post({ method, params }: ExchangeInit, exchange: Exchange, headers?: MessageHeaders): number {
    this.#lastId += 1;
    const id = this.#lastId;
    const message: JSONRPCMessage =
      params === undefined ? { jsonrpc: "2.0", id, method } : { jsonrpc: "2.0", id, method, params };
    const sending = this.#wire.send(message, exchange, headers);
    this.#exchanges.add(exchange, id);
    sending.catch((error) => {
      exchange.fail(this.#failureOf(error, exchange));
      this.#exchanges.drop(id);
    });
    return id;
  }

  /** Sends a request of the client's own. Rejects with a `Failure`. */
  call(method: string, params: Record<string, unknown> | undefined, headers?: MessageHeaders): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.post({ method, params }, new Exchange({ onResult: resolve, onFailed: reject }), headers);
    });
  }

  /** Forgets a request: its answer is not awaited any more. */
  drop(id: number): void {
    this.#exchanges.drop(id);
  }

  /** Rejects where it cannot be sent. */
  notify(method: string, params?: Record<string, unknown>): Promise<void> {
    this.#exchanges.addUnanswered();
    return this.#wire.send({ jsonrpc: "2.0", method, ...(params !== undefined && { params }) }, undefined);
  }

  /** Answers a request of the server. */
  answer(id: RequestId, outcome: RpcOutcome): void {
    const message: JSONRPCMessage =
      "result" in outcome
        ? { jsonrpc: "2.0", id, result: outcome.result }
        : { jsonrpc: "2.0", id, error: outcome.error };
    this.#exchanges.addUnanswered();
    forget(this.#wire.send(message, undefined));
  }
}
