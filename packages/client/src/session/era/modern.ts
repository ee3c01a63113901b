import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../../untrusted.js";
import type { ExchangeInit } from "../connection.js";
import type { Exchange } from "../exchange.js";
import type { RpcChannel } from "../exchanges.js";
import { forget, ignore } from "../quietly.js";
import type { MessageHeaders, Wire } from "../wire.js";
import { announcesChanges, type Dialect, type Greeting, greetingOf } from "./dialect.js";
import { modernVersion } from "./protocol-versions.js";
import { ResourceWatch } from "./resource-watch.js";
import type { ServerMemory } from "./server-memory.js";
import { acknowledged, Subscription, type SubscriptionFilter, type SubscriptionOptions } from "./subscription.js";
import {
  encodedHeader,
  following,
  sendToolCall,
  sendToolList,
  type ToolCall,
  type ToolHeaders,
} from "./tool-headers.js";

const prefix = "io.modelcontextprotocol/";
const versionName = `${prefix}protocolVersion`;
const clientInfoName = `${prefix}clientInfo`;
const capabilitiesName = `${prefix}clientCapabilities`;

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
    if (method === "tools/list") return sendToolList(this.#toolHeaders, (one) => this.#send(init, one), exchange);
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

  #callTool(init: ExchangeInit, outer: Exchange): () => void {
    const call: ToolCall = {
      tool: init.params?.name,
      toolHeaders: this.#toolHeaders,
      send: (exchange) => this.#send(init, exchange),
      list: (cursor) => {
        const list = { method: "tools/list", params: cursor === undefined ? {} : { cursor } };
        return this.#options.channel.call(list.method, enveloped(this.#options, list), this.#headers(list));
      },
    };
    return sendToolCall(call, outer);
  }
}

/** What the server says of itself in an answer to `server/discover`. */
export function greetingFrom(result: Readonly<Record<string, unknown>>): Greeting {
  const meta = isObject(result._meta) ? result._meta : {};
  return greetingOf(modernVersion, result, meta[`${prefix}serverInfo`] ?? result.serverInfo);
}

/** The parameters of a request with what every request has to say of itself. */
function enveloped(
  { clientInfo, capabilities }: ModernOptions,
  init: ExchangeInit | undefined,
  exchange?: Exchange,
): Record<string, unknown> {
  const params = init?.params;
  const given = params?._meta;
  const own: Record<string, unknown> = {
    [versionName]: modernVersion,
    [clientInfoName]: clientInfo,
    [capabilitiesName]: init?.capabilities ?? capabilities,
  };
  if (exchange?.onProgress !== undefined) own.progressToken = exchange.progressToken;
  const _meta = isObject(given) ? { ...given, ...own } : own;
  return params === undefined ? { _meta } : { ...params, _meta };
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
