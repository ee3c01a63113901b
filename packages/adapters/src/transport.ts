import type { ClientEvent, MinionClient } from "@minion/client";
import { checkOptions } from "./adapter-options.js";
import { isRecord } from "./is-record.js";
import { Answers, type RequestId } from "./transport-answers.js";
import { errorObject } from "./transport-error.js";
import { TransportRequests } from "./transport-requests.js";

/** A JSON-RPC message of MCP; the members besides `jsonrpc` depend on its kind. */
export interface JsonRpcMessage {
  readonly jsonrpc: "2.0";
}

/** How a message is sent. The `Client` of the AI SDK cancels a request by `signal`; what else a client gives is ignored. */
export interface McpSendOptions {
  readonly signal?: AbortSignal | undefined;
  readonly [option: string]: unknown;
}

/**
 * A transport of MCP, as every `Client` takes it: that of the official SDK (1.x and 2.x), of the AI SDK, and others. The
 * handlers have no `| undefined`, so that it fits under exactOptionalPropertyTypes too.
 */
export interface McpTransport {
  onmessage?: (message: JsonRpcMessage) => void;
  onerror?: (error: Error) => void;
  onclose?: () => void;
  start(): Promise<void>;
  send(message: JsonRpcMessage, options?: McpSendOptions): Promise<void>;
  close(): Promise<void>;
}

/** On whose behalf, and how long. */
export interface MinionTransportOptions {
  /** On whose behalf everything is asked. */
  readonly principal?: string | undefined;
  /** Milliseconds for each request. Default: the server's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A transport through which any MCP `Client` talks to a server of the client: `await other.connect(minionTransport(client,
 * "github"))`. Each `Client` needs one of its own.
 *
 * `start` contacts nobody; the first request may. A cancellation, by notification or by the signal of `send`, ends the call
 * at once and tells the server; after that, and after `close`, nothing is delivered. An error of Minion arrives as a JSON-RPC
 * error of code -32603 with its `{ code, server, delivery, retryAfterMs }` as `data`. `close` ends the calls in flight and
 * leaves the client open. What a server asks of the application goes to the client's `onServerRequest`.
 *
 * @throws TypeError for an option that does not exist or has a wrong value
 */
export function minionTransport(
  client: MinionClient,
  server: string,
  options: MinionTransportOptions = {},
): McpTransport {
  checkOptions("minionTransport", options, ["principal", "timeoutMs"]);
  return new MinionTransport(client, server, options);
}

class MinionTransport implements McpTransport {
  onmessage?: (message: JsonRpcMessage) => void;
  onerror?: (error: Error) => void;
  onclose?: () => void;
  readonly #client: MinionClient;
  readonly #server: string;
  readonly #options: MinionTransportOptions;
  readonly #requests: TransportRequests;
  readonly #answers = new Answers();
  #state: "new" | "open" | "closed" = "new";
  #unsubscribe: () => void = () => {};

  constructor(client: MinionClient, server: string, options: MinionTransportOptions) {
    this.#client = client;
    this.#server = server;
    this.#options = options;
    this.#requests = new TransportRequests(client, server, options, (method, params) => this.#notify(method, params));
  }

  async start(): Promise<void> {
    if (this.#state !== "new")
      throw new Error("The transport has been started before. Make a new one for each client.");
    this.#state = "open";
    this.#unsubscribe = this.#client.subscribe((event) => this.#pass(event));
  }

  /** Resolves at once: the answer comes through `onmessage`, never before `send` has returned. */
  async send(message: JsonRpcMessage, options: McpSendOptions = {}): Promise<void> {
    if (this.#state !== "open")
      throw new Error(`The transport is ${this.#state === "new" ? "not started" : "closed"}.`);
    const { method, id, params }: Readonly<Record<string, unknown>> = { ...message };
    if (typeof method !== "string") return;
    const known = isRecord(params) ? params : undefined;
    if (typeof id === "string" || typeof id === "number") void this.#answer(id, method, known, options.signal);
    else if (method === "notifications/cancelled") this.#answers.cancel(known?.requestId, known?.reason);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#unsubscribe();
    this.#answers.cancelAll();
    await this.#requests.close();
    this.#guarded(() => this.onclose?.());
  }

  async #answer(
    id: RequestId,
    method: string,
    params: Readonly<Record<string, unknown>> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    // At once: the next message, or a close, may end it before it has begun.
    using pending = this.#answers.open(id, signal);
    await Promise.resolve();
    if (pending.signal.aborted) return;
    let answer: object;
    try {
      answer = { id, result: await this.#requests.answer(method, params, pending.signal) };
    } catch (error) {
      answer = { id, error: errorObject(error) };
    }
    if (!pending.signal.aborted) this.#deliver(answer);
  }

  /** What the server says on behalf of the same principal. */
  #pass(event: ClientEvent): void {
    if (event.server !== this.#server) return;
    if (event.type !== "listChanged" && event.type !== "serverNotification") return;
    if (event.principal !== this.#options.principal) return;
    if (event.type === "listChanged") this.#notify(`notifications/${event.list}/list_changed`, undefined);
    // Updates of resources come from the subscription, which outlives connections.
    else if (event.method !== "notifications/resources/updated") this.#notify(event.method, event.params);
  }

  #notify(method: string, params: unknown): void {
    this.#deliver({ method, ...(params !== undefined && { params }) });
  }

  #deliver(members: object): void {
    if (this.#state === "open") this.#guarded(() => this.onmessage?.({ jsonrpc: "2.0", ...members }));
  }

  /** A client that throws out of a handler would otherwise end the process. */
  #guarded(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      try {
        this.onerror?.(error instanceof Error ? error : new Error(String(error)));
      } catch {
        // There is nobody left to tell.
      }
    }
  }
}
