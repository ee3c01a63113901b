import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { isLegacyRequest, readRequestBody } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { Admission, type Admitted } from "./admission.js";
import { type Answer, asResponse, withHeader } from "./answer.js";
import { withBoundedBody } from "./bounded-body.js";
import { Changes, notificationOf } from "./changes.js";
import { errorResponse, tooManyStreams } from "./error-response.js";
import { GatewayMetrics, type Rejection } from "./gateway-metrics.js";
import type { DrainOptions, GatewayOptions, GatewaySettings } from "./gateway-options.js";
import { checkDrain, gatewaySettings } from "./gateway-options.js";
import type { GatewayStatus } from "./gateway-status.js";
import { isRecord } from "./is-record.js";
import { type BodyText, jsonBody } from "./json-body.js";
import { type RequestId, requestIdOf } from "./json-rpc-message.js";
import { lastAnswers } from "./last-answers.js";
import { LegacyLeg } from "./legacy-leg.js";
import { idIn, LineInput } from "./line-input.js";
import { ModernLeg } from "./modern-leg.js";
import { goneSignal, headOf, isServerRequest, readText, send } from "./node-adapter.js";
import { RequestAnswering } from "./request-answering.js";
import { ResourceWatch } from "./resource-watch.js";
import { Router } from "./router.js";
import { ServerLists } from "./server-lists.js";

/** A timer for longer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
/** Over stdio a line of at least so many bytes is read, whatever `maxBodyBytes` is. */
const leastLineBytes = 16 * 1_024 * 1_024;

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
  readonly #answering: RequestAnswering;
  readonly #modern: ModernLeg;
  readonly #legacy: LegacyLeg;
  readonly #unsubscribe: () => void;
  readonly #stdio = new Set<{ readonly close: () => Promise<void> }>();
  #isReady = false;
  #state: "serving" | "draining" | "closed" = "serving";
  readonly #closed = new AbortController();
  #drained: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#settings = gatewaySettings(options);
    const { client, maxBodyBytes, maxStreams, registry } = this.#settings;
    this.#metrics = registry === undefined ? undefined : new GatewayMetrics(registry, () => this.#figures());
    this.#admission = new Admission(this.#settings, (reason) => this.#rejected(reason));
    this.#lists = new ServerLists(this.#settings, this.#changes);
    const watch = new ResourceWatch(this.#settings, this.#lists, this.#changes);
    this.#answering = new RequestAnswering({
      router: new Router(this.#settings, this.#lists),
      watch,
      metrics: this.#metrics,
      audit: this.#settings.audit,
      onQuotaRefusal: () => this.#rejected("quota"),
    });
    this.#unsubscribe = client.subscribe((event) => {
      if (event.type === "listChanged") this.#changes.changed(event.list);
    });
    const leg = { answering: this.#answering, changes: this.#changes, maxStreams };
    this.#modern = new ModernLeg({ ...leg, watch, maxBodyBytes });
    this.#legacy = new LegacyLeg({ ...leg, isInteractive: this.#settings.interactive.length > 0 });
    void this.#warmUp();
  }

  /** Answers one HTTP request: MCP at `path`, and the metadata of RFC 9728 where there is `auth`. Never rejects. */
  async fetch(request: Request): Promise<Response> {
    const { headers, url } = request;
    const host = headers.get("host") ?? new URL(url).host;
    const origin = headers.get("origin") ?? undefined;
    const admitted = await this.#admission.admit(request, { host, origin, localAddress: undefined });
    if (admitted instanceof Response) return asResponse(this.#final(admitted));
    const { maxBodyBytes } = this.#settings;
    const read = (): Promise<BodyText> => readRequestBody(request, maxBodyBytes);
    return asResponse(await this.#serve(request, read, admitted, () => {}));
  }

  /** The same for `node:http`: `createServer(gateway.handler())`. */
  handler(): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    };
  }

  /** Serves one client on stdin and stdout. Resolves when its input has ended. */
  async serveStdio(): Promise<void> {
    const { stdin, stdout } = process;
    const maxBytes = Math.max(this.#settings.maxBodyBytes, leastLineBytes);
    const refuse = (id: RequestId | null, message: string): void =>
      void stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32600, message } })}\n`);
    const input = new LineInput({
      maxBytes,
      onTooLong: (beginning, end) => refuse(idIn(beginning, end), `The message is larger than ${maxBytes} bytes.`),
      beforeEnd: () => lastAnswers(() => this.#answering.idle(), stdout),
    });
    const ended = new Promise<void>((resolve) => {
      input.once("end", resolve);
      input.once("close", resolve);
      stdout.once("error", () => resolve());
    });
    // Its limit is that of the lines. It has a listener for each message that a slow reader has not taken yet.
    const wire = new StdioServerTransport(input, stdout, { maxBufferSize: Number.POSITIVE_INFINITY });
    stdout.setMaxListeners(0);
    stdin.once("error", () => input.end());
    stdin.once("close", () => input.end());
    stdin.pipe(input);
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
      {
        transport: wire,
        maxSubscriptions: this.#settings.maxStreams,
        // The SDK drops what its schema of a message refuses, and whoever has sent it would wait.
        onerror: ({ name }) => {
          if (/Zod/.test(name)) refuse(requestIdOf(line), "Invalid Request: the line is no JSON-RPC message.");
        },
      },
    );
    let line = Buffer.alloc(0);
    input.prependListener("data", (chunk) => {
      line = chunk;
    });
    this.#stdio.add(served);
    await ended;
    stdin.unpipe(input);
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
   * The client stays open. A second call waits for the first; `close` ends a drain.
   *
   * @throws TypeError | RangeError for a wrong option
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    checkDrain(options);
    if (this.#state === "serving") this.#drained = this.#drain(options);
    await this.#drained;
  }

  async #drain({ delayMs = 2_000, graceMs = 30_000, beforeRefusing }: DrainOptions): Promise<void> {
    this.#state = "draining";
    await this.#pause(delayMs);
    await Promise.resolve()
      .then(beforeRefusing)
      .catch(() => {});
    await Promise.race([this.#pause(graceMs), this.#admission.close()]);
    await this.close();
  }

  /** Waits, but not beyond the end of the gateway. */
  async #pause(ms: number): Promise<void> {
    await pause(Math.min(ms, longestTimerMs), undefined, { signal: this.#closed.signal }).catch(() => {});
  }

  /** Ends every stream and request now. The client stays open. */
  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#state = "closed";
    this.#closed.abort();
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
    const head = headOf(request, goneSignal(response));
    if (head === undefined || !isServerRequest(request))
      return send(errorResponse(400, -32600, "Bad request."), response);
    const { host, origin } = request.headers;
    const admitted = await this.#admission.admit(head, { host, origin, localAddress: request.socket.localAddress });
    if (admitted instanceof Response) return send(this.#final(admitted), response);
    const { maxBodyBytes } = this.#settings;
    const read = (): Promise<BodyText> => readText(request, maxBodyBytes);
    return send(await this.#serve(head, read, admitted, () => response.destroy()), response);
  }

  async #serve(
    request: Request,
    read: () => Promise<BodyText>,
    { authInfo, release }: Admitted,
    cut: () => void,
  ): Promise<Answer> {
    const ends = [release];
    const onEnd = (): void => {
      for (const end of ends) end();
    };
    let answer: Answer;
    try {
      const body = request.method === "POST" ? await jsonBody(request, read, this.#settings.maxBodyBytes) : undefined;
      if (body instanceof Response) answer = body;
      else answer = await this.#dispatch(request, body, { authInfo, release }, (end) => ends.push(end));
    } catch {
      answer = errorResponse(500, -32603, "Internal error");
    }
    answer = this.#final(answer);
    if (answer instanceof Response) {
      const { maxBufferedBytes } = this.#settings;
      return withBoundedBody(answer, { maxBufferedBytes, onStalled: cut, onEnd, signal: request.signal });
    }
    onEnd();
    return answer;
  }

  async #dispatch(
    request: Request,
    body: unknown,
    { authInfo, release }: Admitted,
    atEnd: (end: () => void) => void,
  ): Promise<Answer> {
    if (await isLegacyRequest(request, body)) return this.#legacy.serve(request, body, authInfo);
    if (isRecord(body) && body.method === "subscriptions/listen") {
      if (this.#changes.streams >= this.#settings.maxStreams) return tooManyStreams();
      // It takes no place of a call from now on.
      release();
    }
    return this.#modern.serve(request, body, authInfo, atEnd);
  }

  #final(answer: Answer): Answer {
    // A balancer that keeps connections open would send further requests to a replica that is about to end.
    const last = this.#state === "serving" ? answer : withHeader(answer, "connection", "close");
    // No page may show what the gateway answers in a frame.
    return withHeader(last, "content-security-policy", "frame-ancestors 'none'");
  }

  #rejected(reason: Rejection): void {
    this.#metrics?.rejected(reason);
    const none = { principal: undefined, method: "", server: "", target: undefined, code: undefined, durationMs: 0 };
    this.#settings.audit?.({ at: Date.now(), ...none, outcome: "rejected", reason });
  }
}
