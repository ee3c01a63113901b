import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { type AuthInfo, createMcpHandler, isLegacyRequest, type McpHttpHandler } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { Admission, type Admitted } from "./admission.js";
import { withBoundedBody } from "./bounded-body.js";
import { Changes, notificationOf } from "./changes.js";
import { errorResponse } from "./error-response.js";
import { GatewayMetrics, type Rejection } from "./gateway-metrics.js";
import { type GatewayOptions, type GatewaySettings, gatewaySettings } from "./gateway-options.js";
import type { GatewayStatus } from "./gateway-status.js";
import { LegacyLeg } from "./legacy-leg.js";
import { listenBody } from "./listen-body.js";
import { headOf, isServerRequest, send } from "./node-adapter.js";
import { withQuotaStatus } from "./quota-refusal.js";
import { RequestAnswering } from "./request-answering.js";
import { ResourceWatch } from "./resource-watch.js";
import { Router } from "./router.js";
import { ServerLists } from "./server-lists.js";

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
  readonly #watch: ResourceWatch;
  readonly #answering: RequestAnswering;
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
    this.#admission = new Admission(this.#settings, (reason) => this.#rejected(reason));
    this.#lists = new ServerLists(this.#settings, this.#changes);
    this.#watch = new ResourceWatch(this.#settings, this.#lists, this.#changes);
    this.#answering = new RequestAnswering({
      router: new Router(this.#settings, this.#lists),
      watch: this.#watch,
      metrics: this.#metrics,
      audit: this.#settings.audit,
    });
    this.#unsubscribe = client.subscribe((event) => {
      if (event.type === "listChanged") this.#changes.changed(event.list);
    });
    this.#modern = createMcpHandler(({ era }) => this.#answering.newServer({ era, wire: "http" }), {
      legacy: "reject",
      bus: this.#changes,
      maxSubscriptions: maxStreams,
      maxRequestBodySize: maxBodyBytes,
    });
    this.#legacy = new LegacyLeg({
      newServer: () => this.#answering.newServer({ era: "legacy", wire: "http" }),
      changes: this.#changes,
      maxBodyBytes,
      maxStreams,
      isInteractive: this.#settings.interactive.length > 0,
    });
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
        const server = this.#answering.newServer({ era, wire: "stdio" });
        const stop = this.#changes.subscribe((event) => {
          const isForeign = event.kind === "resource_updated" && !this.#answering.hasSubscribed(server, event.uri);
          if (!isForeign) server.notification(notificationOf(event)).catch(() => {});
        });
        const { onclose } = server;
        server.onclose = () => {
          stop();
          onclose?.();
        };
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
   * noticed and until what `beforeRefusing` gives has settled, those in flight have `graceMs` (30 000) more, and streams end.
   * `beforeRefusing` is called after `delayMs`, for who knows of requests that are still on their way. The client stays open.
   */
  async drain(
    options: {
      readonly delayMs?: number | undefined;
      readonly graceMs?: number | undefined;
      readonly beforeRefusing?: (() => Promise<void>) | undefined;
    } = {},
  ): Promise<void> {
    const { delayMs = 2_000, graceMs = 30_000, beforeRefusing } = options;
    if (this.#state !== "serving") return;
    this.#state = "draining";
    await pause(delayMs);
    await beforeRefusing?.();
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
    const ends = [release];
    let response: Response;
    try {
      response = await withQuotaStatus(
        () => this.#dispatch(request, authInfo, (end) => ends.push(end)),
        () => this.#rejected("quota"),
      );
    } catch {
      response = errorResponse(500, -32603, "Internal error");
    }
    // A balancer that keeps connections open would send further requests to a replica that is about to end.
    if (this.#state !== "serving") response.headers.set("connection", "close");
    const { maxBufferedBytes } = this.#settings;
    const onEnd = (): void => {
      for (const end of ends) end();
    };
    return withBoundedBody(withPolicy(response), { maxBufferedBytes, onStalled: cut, onEnd, signal: request.signal });
  }

  async #dispatch(
    request: Request,
    authInfo: AuthInfo | undefined,
    atEnd: (end: () => void) => void,
  ): Promise<Response> {
    const { maxBodyBytes } = this.#settings;
    if (await isLegacyRequest(request, undefined, { maxRequestBodySize: maxBodyBytes }))
      return this.#legacy.serve(request, authInfo);
    const more = authInfo === undefined ? {} : { authInfo };
    const listen = await listenBody(request, maxBodyBytes);
    if (listen !== undefined) {
      const watch = await this.#watch.watch(listen.uris, authInfo?.clientId);
      atEnd(watch.end);
      return this.#modern.fetch(request, { ...more, parsedBody: listen.withUris(watch.uris) });
    }
    const response = await this.#modern.fetch(request, more);
    const status = this.#answering.statusOf(request);
    if (status === undefined || response.headers.get("content-type") !== "application/json") return response;
    return new Response(response.body, { status, headers: response.headers });
  }

  #rejected(reason: Rejection): void {
    this.#metrics?.rejected(reason);
    const none = { principal: undefined, method: "", server: "", target: undefined, code: undefined, durationMs: 0 };
    this.#settings.audit?.({ at: Date.now(), ...none, outcome: "rejected", reason });
  }
}

/** No page may show what the gateway answers in a frame. */
function withPolicy(response: Response): Response {
  response.headers.set("content-security-policy", "frame-ancestors 'none'");
  return response;
}
