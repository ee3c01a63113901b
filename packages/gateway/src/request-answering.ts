import { type Implementation, Server, type ServerCapabilities, type ServerContext } from "@modelcontextprotocol/server";
import type { AuditEntry } from "./audit.js";
import type { GatewayMetrics, Outcome } from "./gateway-metrics.js";
import { type Host, hostOf } from "./host.js";
import { httpStatusOf } from "./http-status-of.js";
import { isRecord } from "./is-record.js";
import { isQuotaRefusal } from "./quota-refusal.js";
import type { ResourceWatch, Watch } from "./resource-watch.js";
import type { Incoming, Router } from "./router.js";
import { methodNotFound, rpcError } from "./rpc-error.js";
import { version } from "./version.js";

/** How a host is connected. */
export interface Channel {
  readonly era: Host["era"];
  readonly wire: "http" | "stdio";
}

/** What is needed to answer requests. */
export interface RequestAnsweringOptions {
  readonly router: Router;
  readonly watch: ResourceWatch;
  readonly metrics: GatewayMetrics | undefined;
  readonly audit: ((entry: AuditEntry) => void) | undefined;
  /** Called for each call that a quota refuses. */
  readonly onQuotaRefusal: () => void;
}

/** A request, and the HTTP request that it came in, if it did. */
export type Asked = Omit<Incoming, "headers"> & { readonly request: Request | undefined };

/** What of the HTTP answer to a request is not as the SDK makes it. */
export interface HttpOutcome {
  readonly status: number;
  /** In seconds. */
  readonly retryAfter: string | undefined;
}

/** How the gateway names itself to hosts. */
export const serverInfo: Implementation = { name: "minion-gateway", version };

/**
 * The same on every replica, whatever servers it has reached so far. A subscription to a resource needs a stream that it
 * belongs to: there is one in the modern era over HTTP, and in the legacy era over stdio.
 */
export function capabilitiesOf({ era, wire }: Channel): ServerCapabilities {
  const list = { listChanged: true };
  const canSubscribe = (era === "modern") === (wire === "http");
  return {
    tools: list,
    prompts: list,
    resources: { ...list, ...(canSubscribe && { subscribe: true }) },
    completions: {},
  };
}

/** The HTTP status that an error has in the modern era; the SDK gives those that a handler throws 200. */
const statuses: Readonly<Record<number, number>> = { [-32601]: 404, [-32020]: 400, [-32021]: 400 };

/** Answers the requests of MCP, each with what it needs of the channel that it came over. */
export class RequestAnswering {
  readonly #options: RequestAnsweringOptions;
  readonly #outcomes = new WeakMap<Request, HttpOutcome>();
  /** Who waits for the last request that is being answered. */
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  /** What the host of a server has subscribed to, by URI. */
  readonly #watches = new WeakMap<Server, Map<string, Watch>>();

  constructor(options: RequestAnsweringOptions) {
    this.#options = options;
  }

  /** A server of the SDK for a channel: for one request over HTTP, for all of them over stdio. */
  newServer(channel: Channel): Server {
    const server = new Server(serverInfo, { capabilities: capabilitiesOf(channel) });
    const watches = new Map<string, Watch>();
    this.#watches.set(server, watches);
    // Handlers of the SDK's own would strip what their schemas do not know.
    server.fallbackRequestHandler = async ({ method, params }, context) => {
      const own = isRecord(params) ? params : {};
      if (method === "resources/subscribe" || method === "resources/unsubscribe")
        return this.#subscribe(method, own, context, channel, watches);
      const { mcpReq, http } = context;
      const { onProgress, sent } = progressOf(mcpReq);
      const result = await this.answer({
        method,
        params: { ...own, ...answersIn(mcpReq) },
        host: hostOf(channel.era, context, server),
        principal: http?.authInfo?.clientId,
        signal: mcpReq.signal,
        request: http?.req,
        onProgress,
      });
      // Progress goes before the result.
      await Promise.all(sent);
      return result;
    };
    server.onclose = () => {
      for (const { end } of watches.values()) end();
    };
    return server;
  }

  /** Whether the host of a server has subscribed to a resource. */
  hasSubscribed(server: Server, uri: string): boolean {
    return this.#watches.get(server)?.has(uri) === true;
  }

  /** How the HTTP answer to a request is to be, where it is not as the SDK makes it. */
  outcomeOf(request: Request): HttpOutcome | undefined {
    return this.#outcomes.get(request);
  }

  /** Resolves when no request is being answered. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #subscribe(
    method: string,
    { uri }: Record<string, unknown>,
    { http }: ServerContext,
    { era, wire }: Channel,
    watches: Map<string, Watch>,
  ): Promise<Record<string, never>> {
    if (era !== "legacy" || wire !== "stdio") throw methodNotFound();
    const key = String(uri);
    const wanted =
      method === "resources/subscribe" ? await this.#options.watch.one(key, http?.authInfo?.clientId) : undefined;
    watches.get(key)?.end();
    if (wanted === undefined) watches.delete(key);
    else watches.set(key, wanted);
    return {};
  }

  /**
   * Answers a request, counts it and writes it into the log.
   *
   * @throws ProtocolError as the caller is to get it
   */
  async answer({ request, ...asked }: Asked): Promise<Record<string, unknown>> {
    const { router, metrics, audit, onQuotaRefusal } = this.#options;
    const { method, params, principal, host, signal } = asked;
    const begin = performance.now();
    this.#open += 1;
    let server = "";
    let outcome: Outcome = "error";
    let code: number | undefined;
    try {
      const result = await router.answer({ ...asked, headers: request?.headers }, (name) => {
        server = name;
      });
      outcome = result.isError === true ? "tool_error" : "success";
      return result;
    } catch (reason) {
      const error = rpcError(reason, server);
      code = error.code;
      if (isQuotaRefusal(error)) onQuotaRefusal();
      const { status = statuses[code], retryAfter } = httpStatusOf(error) ?? {};
      if (request !== undefined && status !== undefined) this.#outcomes.set(request, { status, retryAfter });
      throw error;
    } finally {
      this.#open -= 1;
      if (this.#open === 0) for (const resolve of this.#waiting.splice(0)) resolve();
      if (signal?.aborted === true) outcome = "cancelled";
      const durationMs = performance.now() - begin;
      metrics?.ended(method, server, outcome, host.era, durationMs / 1_000);
      const target = typeof params.name === "string" ? params.name.slice(0, 128) : undefined;
      audit?.({ at: Date.now(), principal, method, server, target, outcome, code, durationMs: Math.round(durationMs) });
    }
  }
}

/** What passes progress on to the caller, where it has asked for it, and what of it is still being sent. */
function progressOf({ _meta, notify }: ServerContext["mcpReq"]): Pick<Incoming, "onProgress"> & {
  readonly sent: ReadonlySet<Promise<void>>;
} {
  const progressToken = _meta?.progressToken;
  const sent = new Set<Promise<void>>();
  if (progressToken === undefined) return { onProgress: undefined, sent };
  const onProgress = (progress: object): void => {
    const params = { ...progress, progressToken };
    // A call may report progress for hours: what has been sent is forgotten.
    const sending = notify({ method: "notifications/progress", params })
      .catch(() => {})
      .finally(() => sent.delete(sending));
    sent.add(sending);
  };
  return { onProgress, sent };
}

/** What a host of revision 2026-07-28 has answered to a server, which the SDK takes out of the params. */
function answersIn({ inputResponses, requestState }: ServerContext["mcpReq"]): Record<string, unknown> {
  const state = requestState();
  return {
    ...(inputResponses !== undefined && { inputResponses }),
    ...(state !== undefined && { requestState: state }),
  };
}
