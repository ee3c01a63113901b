import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  type AuthInfo,
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { Admission, type Admitted } from "./admission.js";
import { withBoundedBody } from "./bounded-body.js";
import { Changes, notificationOf } from "./changes.js";
import { errorResponse } from "./error-response.js";
import { GatewayMetrics, type Outcome } from "./gateway-metrics.js";
import { type GatewayOptions, type GatewaySettings, gatewaySettings } from "./gateway-options.js";
import type { GatewayStatus } from "./gateway-status.js";
import { isRecord } from "./is-record.js";
import { LegacyLeg } from "./legacy-leg.js";
import { headOf, isServerRequest, send } from "./node-adapter.js";
import { withQuotaStatus } from "./quota-refusal.js";
import { Router } from "./router.js";
import { ServerLists } from "./server-lists.js";
import { version } from "./version.js";

type Era = "legacy" | "modern";

/** The same on every replica, whatever servers it has reached so far. */
const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true },
  completions: {},
};

/**
 * One MCP endpoint over all servers of a client. It keeps no session: every request of either protocol era carries what
 * is needed to answer it, so that any of several replicas can.
 *
 * The client is the caller's: close the gateway first, then the client.
 *
 * @throws TypeError | RangeError from the constructor for a wrong option
 */
export class Gateway implements AsyncDisposable {
  readonly #settings: GatewaySettings;
  readonly #metrics: GatewayMetrics | undefined;
  readonly #admission: Admission;
  readonly #changes = new Changes();
  readonly #lists: ServerLists;
  readonly #router: Router;
  readonly #modern: McpHttpHandler;
  readonly #legacy: LegacyLeg;
  readonly #unsubscribe: () => void;
  readonly #stdio = new Set<{ readonly close: () => Promise<void> }>();
  #isReady = false;
  #state: "serving" | "draining" | "closed" = "serving";

  constructor(options: GatewayOptions) {
    this.#settings = gatewaySettings(options);
    const { client, maxBodyBytes, maxStreams } = this.#settings;
    const { registry } = this.#settings;
    this.#metrics = registry === undefined ? undefined : new GatewayMetrics(registry, () => this.#figures());
    this.#admission = new Admission(this.#settings, (reason) => this.#metrics?.rejected(reason));
    this.#lists = new ServerLists(this.#settings, this.#changes);
    this.#router = new Router(this.#settings, this.#lists);
    this.#unsubscribe = client.subscribe((event) => {
      if (event.type === "listChanged") this.#changes.changed(event.list);
    });
    this.#modern = createMcpHandler(({ era }) => this.#newServer(era), {
      legacy: "reject",
      bus: this.#changes,
      maxSubscriptions: maxStreams,
      maxRequestBodySize: maxBodyBytes,
    });
    const newServer = (): Server => this.#newServer("legacy");
    this.#legacy = new LegacyLeg({ newServer, changes: this.#changes, maxBodyBytes, maxStreams });
    void this.#warmUp();
  }

  /** Answers one HTTP request: MCP at `path`, and the metadata of RFC 9728 where there is `auth`. Never rejects. */
  async fetch(request: Request): Promise<Response> {
    const { headers, url } = request;
    const host = headers.get("host") ?? new URL(url).host;
    const origin = headers.get("origin") ?? undefined;
    const admitted = await this.#admission.admit(request, { host, origin, localAddress: undefined });
    return admitted instanceof Response ? withPolicy(admitted) : this.#serve(request, admitted, () => {});
  }

  /** The same for `node:http`: `createServer(gateway.handler())`. */
  handler(): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    };
  }

  /** Serves one client on stdin and stdout. Resolves when its input has ended. */
  async serveStdio(): Promise<void> {
    const wire = new StdioServerTransport();
    const ended = new Promise<void>((resolve) => {
      process.stdin.once("end", resolve);
      process.stdin.once("close", resolve);
      process.stdout.once("error", () => resolve());
    });
    const served = serveStdio(
      ({ era }) => {
        const server = this.#newServer(era);
        const stop = this.#changes.subscribe((event) => {
          server.notification(notificationOf(event)).catch(() => {});
        });
        server.onclose = stop;
        return server;
      },
      { transport: wire, maxSubscriptions: this.#settings.maxStreams },
    );
    this.#stdio.add(served);
    await ended;
    await served.close();
    this.#stdio.delete(served);
  }

  /** How the gateway is. */
  status(): GatewayStatus {
    return { ...this.#figures(), draining: this.#state !== "serving", servers: this.#settings.client.status() };
  }

  /**
   * Ends in good order: `status().ready` is false at once, requests are served for `delayMs` (2 000) until balancers have
   * noticed, those in flight have `graceMs` (30 000) more, and streams end. The client stays open.
   */
  async drain(
    options: { readonly delayMs?: number | undefined; readonly graceMs?: number | undefined } = {},
  ): Promise<void> {
    const { delayMs = 2_000, graceMs = 30_000 } = options;
    if (this.#state !== "serving") return;
    this.#state = "draining";
    await pause(delayMs);
    const grace = new AbortController();
    const graceOver = pause(graceMs, undefined, { signal: grace.signal }).catch(() => {});
    await Promise.race([graceOver, this.#admission.close()]);
    grace.abort();
    await this.close();
  }

  /** Ends every stream and request now. The client stays open. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    void this.#admission.close();
    this.#unsubscribe();
    this.#lists.close();
    this.#legacy.close();
    await Promise.all([this.#modern.close(), ...[...this.#stdio].map((served) => served.close())]);
    this.#changes.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #figures(): Pick<GatewayStatus, "ready" | "calls" | "streams"> {
    const ready = this.#isReady && this.#state === "serving";
    return { ready, calls: this.#admission.calls, streams: this.#changes.streams };
  }

  /** Lists everything once, so that calls know the hints of their tools; whoever fails does not keep it from being ready. */
  async #warmUp(): Promise<void> {
    const lists = ["tools", "prompts", "resources", "resourceTemplates"] as const;
    await Promise.allSettled(lists.map((list) => this.#lists.merged(list, { principal: undefined })));
    this.#isReady = true;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = headOf(request);
    if (head === undefined || !isServerRequest(request))
      return send(errorResponse(400, -32600, "Bad request."), response);
    const { host, origin } = request.headers;
    const admitted = await this.#admission.admit(head, { host, origin, localAddress: request.socket.localAddress });
    if (admitted instanceof Response) return send(withPolicy(admitted), response);
    let isServed = false;
    const fetch = (converted: Request): Promise<Response> => {
      isServed = true;
      return this.#serve(converted, admitted, () => response.destroy());
    };
    try {
      await toNodeHandler({ fetch }, { maxRequestBodySize: this.#settings.maxBodyBytes })(request, response);
    } finally {
      if (!isServed) admitted.release();
    }
  }

  async #serve(request: Request, { authInfo, release }: Admitted, cut: () => void): Promise<Response> {
    let response: Response;
    try {
      response = await withQuotaStatus(
        () => this.#dispatch(request, authInfo),
        () => this.#metrics?.rejected("quota"),
      );
    } catch {
      response = errorResponse(500, -32603, "Internal error");
    }
    // A balancer that keeps connections open would send further requests to a replica that is about to end.
    if (this.#state !== "serving") response.headers.set("connection", "close");
    const { maxBufferedBytes } = this.#settings;
    return withBoundedBody(withPolicy(response), { maxBufferedBytes, onStalled: cut, onEnd: release });
  }

  async #dispatch(request: Request, authInfo: AuthInfo | undefined): Promise<Response> {
    const options = { maxRequestBodySize: this.#settings.maxBodyBytes };
    if (await isLegacyRequest(request, undefined, options)) return this.#legacy.serve(request, authInfo);
    return this.#modern.fetch(request, authInfo === undefined ? {} : { authInfo });
  }

  #newServer(era: Era): Server {
    const server = new Server({ name: "minion-gateway", version }, { capabilities });
    // Handlers of the SDK's own would strip what their schemas do not know.
    server.fallbackRequestHandler = ({ method, params }, context) =>
      this.#answer(era, method, isRecord(params) ? params : {}, context);
    return server;
  }

  async #answer(
    era: Era,
    method: string,
    params: Record<string, unknown>,
    { mcpReq, http }: ServerContext,
  ): Promise<Record<string, unknown>> {
    const progressToken = mcpReq._meta?.progressToken;
    const sent: Promise<void>[] = [];
    const onProgress = (progress: object): void => {
      const notification = { method: "notifications/progress", params: { ...progress, progressToken } };
      sent.push(mcpReq.notify(notification).catch(() => {}));
    };
    const begin = performance.now();
    let server = "";
    let outcome: Outcome = "error";
    const traceparent = http?.req?.headers.get("traceparent");
    try {
      const result = await this.#router.answer(
        {
          method,
          params,
          principal: http?.authInfo?.clientId,
          signal: mcpReq.signal,
          meta: traceparent == null ? {} : { traceparent },
          onProgress: progressToken === undefined ? undefined : onProgress,
        },
        (name) => {
          server = name;
        },
      );
      outcome = result.isError === true ? "tool_error" : "success";
      // Progress goes before the result.
      await Promise.all(sent);
      return result;
    } finally {
      if (mcpReq.signal.aborted) outcome = "cancelled";
      this.#metrics?.ended(method, server, outcome, era, (performance.now() - begin) / 1_000);
    }
  }
}

/** No page may show what the gateway answers in a frame. */
function withPolicy(response: Response): Response {
  response.headers.set("content-security-policy", "frame-ancestors 'none'");
  return response;
}
