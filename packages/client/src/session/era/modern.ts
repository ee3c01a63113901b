import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../../untrusted.js";
import type { ExchangeInit } from "../connection.js";
import { Exchange } from "../exchange.js";
import type { RpcChannel } from "../exchanges.js";
import type { Failure } from "../failure.js";
import { forget, ignore } from "../quietly.js";
import type { MessageHeaders, Wire } from "../wire.js";
import { announcesChanges, type Dialect, type Greeting, greetingOf } from "./dialect.js";
import { modernVersion } from "./protocol-versions.js";
import { ResourceWatch } from "./resource-watch.js";
import type { ServerMemory } from "./server-memory.js";
import { acknowledged, Subscription, type SubscriptionFilter, type SubscriptionOptions } from "./subscription.js";
import { encodedHeader, type ToolHeaders } from "./tool-headers.js";

const prefix = "io.modelcontextprotocol/";
const headerMismatch = -32020;
const maxPages = 1_000;

/** What a connection by revision 2026-07-28 needs of its surroundings. */
export interface ModernOptions {
  readonly channel: RpcChannel;
  readonly wire: Wire;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly capabilities: ClientCapabilities;
  readonly principal: string | undefined;
  readonly memory: ServerMemory;
  /** Over HTTP messages have headers, and a connection is no more than a name. */
  readonly kind: "stdio" | "http" | "sse";
  /** Changes are not heard for now, and are heard again. */
  readonly onLost: () => void;
  readonly onGap: () => void;
  /** Changes of these resources may have been missed. */
  readonly onResourceGap: (uris: readonly string[]) => void;
}

/**
 * Revision 2026-07-28: no handshake and no session. Every request says by itself which revision it is written in, who sends it
 * and what the client can do; over HTTP also in headers. What a server announces comes by a subscription.
 */
export class ModernDialect implements Dialect {
  readonly pingMethod = "server/discover";
  readonly #options: ModernOptions;
  readonly #resources: ResourceWatch;
  readonly #toolHeaders: ToolHeaders;
  #greeting: Greeting;
  #subscription: Subscription | undefined;
  #leave = ignore;

  constructor(options: ModernOptions, greeting: Greeting) {
    this.#options = options;
    this.#greeting = greeting;
    this.#toolHeaders = options.memory.toolHeadersFor(options.principal);
    this.#resources = new ResourceWatch({ send: this.#sendListen, onLost: ignore }, options.onResourceGap);
    options.wire.setProtocolVersion?.(modernVersion);
  }

  /** Asks the server what it speaks and who it is. Rejects with a `Failure`. */
  static async discover(options: ModernOptions): Promise<unknown> {
    options.wire.setProtocolVersion?.(modernVersion);
    return await options.channel.call(
      "server/discover",
      enveloped(options, undefined),
      options.kind === "http" ? { "mcp-method": "server/discover" } : undefined,
    );
  }

  get greeting(): Greeting {
    return this.#greeting;
  }

  send(init: ExchangeInit, exchange: Exchange): () => void {
    const { method } = init;
    if (method === "resources/subscribe" || method === "resources/unsubscribe") return this.#watch(init, exchange);
    if (method === "server/discover") return this.#send(init, this.#discovering(exchange));
    if (this.#options.kind !== "http") return this.#send(init, exchange);
    if (method === "tools/list") return this.#send(init, this.#listing(exchange));
    return method === "tools/call" ? this.#callTool(init, exchange) : this.#send(init, exchange);
  }

  listen(): Promise<void> {
    const filter = filterFor(this.#greeting.capabilities);
    if (Object.keys(filter).length === 0) return Promise.resolve();
    const { kind, memory, principal } = this.#options;
    return new Promise((resolve) => {
      const subscribe = (): void => {
        this.#subscription = this.#subscribe(filter);
        forget(this.#subscription.begin().then(() => resolve()));
      };
      // Over HTTP one subscription for each principal hears everything; a process tells only its own connection.
      if (kind !== "http") return subscribe();
      this.#leave = memory.subscriber(principal, subscribe);
      if (this.#subscription === undefined) resolve();
    });
  }

  takes(method: string, params: unknown): boolean {
    const isTaken = this.#subscription?.takes(method, params) === true || this.#resources.takes(method, params);
    // An acknowledgement of a subscription that was given up meanwhile is dropped.
    return isTaken || method === acknowledged;
  }

  close(): void {
    this.#subscription?.close();
    this.#resources.close();
    this.#leave();
  }

  #subscribe(filter: SubscriptionFilter): Subscription {
    const { onLost, onGap } = this.#options;
    return new Subscription({ filter, onLost, onGap, send: this.#sendListen });
  }

  readonly #sendListen: SubscriptionOptions["send"] = (notifications, exchange) => {
    const id = this.#post({ method: "subscriptions/listen", params: { notifications } }, exchange);
    return { id, cancel: () => this.#cancel(id, exchange) };
  };

  /** What older revisions have a request for is a subscription here. */
  #watch({ method, params }: ExchangeInit, exchange: Exchange): () => void {
    const uri = String(params?.uri);
    exchange.markSent();
    const watching = method === "resources/subscribe" ? this.#resources.add(uri) : this.#resources.remove(uri);
    forget(watching.then((failure) => (failure === undefined ? exchange.resolve({}) : exchange.reject(failure))));
    return ignore;
  }

  #post(init: ExchangeInit, exchange: Exchange): number {
    const { channel, kind } = this.#options;
    const params = enveloped(this.#options, init, exchange);
    const headers = kind === "http" ? this.#headers(init) : undefined;
    return channel.post({ method: init.method, params }, exchange, headers);
  }

  #send(init: ExchangeInit, exchange: Exchange): () => void {
    const id = this.#post(init, exchange);
    return () => this.#cancel(id, exchange);
  }

  /** Over HTTP the end of the exchange ends its stream, which is what tells the server. */
  #cancel(id: number, exchange: Exchange): void {
    const { channel, kind } = this.#options;
    channel.drop(id);
    exchange.giveUp();
    if (kind === "http" || exchange.delivery === "not-sent") return;
    const cancelled = { requestId: id, reason: "cancelled by the caller" };
    forget(channel.notify("notifications/cancelled", enveloped(this.#options, { method: "", params: cancelled })));
  }

  #headers({ method, params }: ExchangeInit): MessageHeaders {
    const target = method === "resources/read" ? params?.uri : nameOf(method, params);
    return {
      "mcp-method": method,
      ...(typeof target === "string" && { "mcp-name": encodedHeader(target) }),
      ...(method === "tools/call" && this.#toolHeaders.headersFor(params?.name, params?.arguments)),
    };
  }

  /** The answer to a ping tells who the server is now. */
  #discovering(outer: Exchange): Exchange {
    return following(outer, {
      onResult: (result) => {
        const { memory, principal } = this.#options;
        if (isObject(result)) this.#greeting = greetingFrom(result);
        memory.noteGreeting(principal, this.#greeting);
        outer.resolve(result);
      },
      onFailed: (failure) => outer.reject(failure),
    });
  }

  /** A list leaves out the tools that cannot be called properly. */
  #listing(outer: Exchange): Exchange {
    return following(outer, {
      onResult: (page) => outer.resolve(this.#toolHeaders.note(page)),
      onFailed: (failure) => outer.reject(failure),
    });
  }

  /** A call whose headers were wrong was not run: the tools are listed anew, and it is sent once more. */
  #callTool(init: ExchangeInit, outer: Exchange): () => void {
    let cancel = ignore;
    const send = (onFailed: (failure: Failure) => void): void => {
      cancel = this.#send(init, following(outer, { onResult: (result) => outer.resolve(result), onFailed }));
    };
    send((failure) => {
      if (!isRpc(failure, headerMismatch) || outer.isOver) return outer.reject(failure);
      this.#relist(init.params?.name, outer).then(
        () => {
          if (!outer.isOver) send((second) => outer.reject(second));
        },
        () => outer.reject(failure),
      );
    });
    return () => cancel();
  }

  /** Lists the tools until the one that is wanted has come by. */
  async #relist(tool: unknown, outer: Exchange): Promise<void> {
    const { channel } = this.#options;
    let cursor: unknown;
    for (let count = 0; count < maxPages && !outer.isOver; count++) {
      const request = { method: "tools/list", params: cursor === undefined ? {} : { cursor } };
      const page = await channel.call(request.method, enveloped(this.#options, request), this.#headers(request));
      this.#toolHeaders.note(page);
      if (!isObject(page) || typeof page.nextCursor !== "string" || page.nextCursor === cursor) return;
      if (Array.isArray(page.tools) && page.tools.some((one) => isObject(one) && one.name === tool)) return;
      cursor = page.nextCursor;
    }
  }
}

/** What the server says of itself in an answer to `server/discover`. */
export function greetingFrom(result: Readonly<Record<string, unknown>>): Greeting {
  const meta = isObject(result._meta) ? result._meta : {};
  return greetingOf(modernVersion, result, meta[`${prefix}serverInfo`] ?? result.serverInfo);
}

/** Whether a failure is the server's own error of this code. */
export function isRpc({ kind, cause }: Failure, code: number): boolean {
  return kind === "rpc" && typeof cause === "object" && cause !== null && Reflect.get(cause, "code") === code;
}

/** The parameters of a request with what every request has to say of itself. */
function enveloped(
  { clientInfo, capabilities }: ModernOptions,
  init: ExchangeInit | undefined,
  exchange?: Exchange,
): Record<string, unknown> {
  const meta = init?.params?._meta;
  return {
    ...init?.params,
    _meta: {
      ...(isObject(meta) ? meta : undefined),
      ...(exchange?.onProgress !== undefined && { progressToken: exchange.progressToken }),
      [`${prefix}protocolVersion`]: modernVersion,
      [`${prefix}clientInfo`]: clientInfo,
      [`${prefix}clientCapabilities`]: init?.capabilities ?? capabilities,
    },
  };
}

/** An exchange for one of several requests that stand for one: it tells `outer` all but its end. */
function following(
  outer: Exchange,
  ends: { readonly onResult: (result: unknown) => void; readonly onFailed: (failure: Failure) => void },
): Exchange {
  return new Exchange({
    ...ends,
    onStarted: () => outer.markStarted(),
    onSent: () => outer.markSent(),
    onProgress: outer.onProgress,
  });
}

function nameOf(method: string, params: ExchangeInit["params"]): unknown {
  if (method === "tools/call" || method === "prompts/get") return params?.name;
  return /^tasks\/(?:get|update|cancel)$/.test(method) ? params?.taskId : undefined;
}

function filterFor(capabilities: Greeting["capabilities"]): SubscriptionFilter {
  const announces = (list: string): boolean => announcesChanges(capabilities, list);
  return {
    ...(announces("tools") && { toolsListChanged: true }),
    ...(announces("prompts") && { promptsListChanged: true }),
    ...(announces("resources") && { resourcesListChanged: true }),
  };
}
