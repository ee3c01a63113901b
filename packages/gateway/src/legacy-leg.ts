import {
  type AuthInfo,
  isJsonContentType,
  ProtocolError,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "@modelcontextprotocol/server";
import type { Answer } from "./answer.js";
import { type Changes, notificationOf } from "./changes.js";
import { errorResponse, tooManyStreams } from "./error-response.js";
import { comment, eventStream, KeepAlive } from "./event-stream.js";
import { legacyQuestion } from "./host.js";
import { askable, sessionCapabilities, sessionIdOf } from "./host-capabilities.js";
import { HostQuestions } from "./host-questions.js";
import { httpStatusOf } from "./http-status-of.js";
import { isRecord } from "./is-record.js";
import { type JsonRpcMessage, jsonRpcMessage } from "./json-rpc-message.js";
import { LegacyReply } from "./legacy-reply.js";
import { capabilitiesOf, type RequestAnswering, serverInfo } from "./request-answering.js";
import { invalidParams, rpcError } from "./rpc-error.js";

/** What the leg of the older revisions needs. */
export interface LegacyLegOptions {
  readonly answering: RequestAnswering;
  readonly changes: Changes;
  readonly maxStreams: number;
  /** Whether any server may ask hosts something. */
  readonly isInteractive: boolean;
}

type RpcRequest = Extract<JsonRpcMessage, { kind: "request" }>;

const maxBatch = 100;
const firstModern = "2026-07-28";
const versions = SUPPORTED_PROTOCOL_VERSIONS.filter((version) => version < firstModern);

/**
 * Serves the revisions up to 2025-11-25 without a session: each POST by itself, so that any replica answers any of them,
 * and a GET with a stream of what has changed. A client that goes away cancels nothing: these revisions say so.
 */
export class LegacyLeg {
  readonly #options: LegacyLegOptions;
  readonly #questions = new HostQuestions();
  /** What ends each GET stream. */
  readonly #streams = new Set<() => void>();

  constructor(options: LegacyLegOptions) {
    this.#options = options;
  }

  /** Answers a request with its body, which was read. */
  async serve(request: Request, body: unknown, authInfo: AuthInfo | undefined): Promise<Answer> {
    switch (request.method) {
      case "POST":
        return this.#post(request, body, authInfo?.clientId);
      case "GET":
        return this.#get(request);
      default:
        return errorResponse(405, -32000, "Method not allowed.", { headers: { allow: "GET, POST" } });
    }
  }

  /** Ends every GET stream; a client opens another one, at another replica. */
  close(): void {
    for (const end of this.#streams) end();
  }

  async #post(request: Request, body: unknown, principal: string | undefined): Promise<Answer> {
    const { headers } = request;
    if (!accepts(headers, "application/json") || !accepts(headers, "text/event-stream"))
      return errorResponse(406, -32000, "Not Acceptable: accept both application/json and text/event-stream.");
    if (!isJsonContentType(headers.get("content-type")))
      return errorResponse(415, -32000, "Unsupported Media Type: the Content-Type must be application/json.");
    const values: readonly unknown[] = Array.isArray(body) ? body : [body];
    if (values.length > maxBatch)
      return errorResponse(400, -32600, `Invalid Request: a batch has at most ${maxBatch} messages.`);
    const messages = values.flatMap((value) => jsonRpcMessage(value) ?? []);
    if (messages.length === 0 || messages.length < values.length)
      return errorResponse(400, -32600, "Invalid Request: the body is no JSON-RPC message.");
    // A notification changes nothing here. One that cancels has no effect: the ids of two hosts may be equal.
    const requests = messages.filter((message) => message.kind === "request");
    const answers = messages.filter((message) => message.kind === "response");
    const isInitialize = requests.some(({ method }) => method === "initialize");
    if (isInitialize && messages.length > 1)
      return errorResponse(400, -32600, "Invalid Request: initialize must be sent alone.");
    const version = headers.get("mcp-protocol-version");
    if (!isInitialize && version !== null && !versions.includes(version))
      return errorResponse(400, -32000, `Unsupported protocol version. Supported are ${versions.join(", ")}.`);
    const heard = answers.filter(({ answer }) => this.#questions.answer(answer, principal));
    if (requests.length === 0 && answers.length > 0 && heard.length === 0)
      return errorResponse(404, -32600, "Nobody here waits for this answer.");
    if (requests.length === 0) return new Response(null, { status: 202 });
    const reply = new LegacyReply(requests.length, Array.isArray(body), this.#sessionOf(requests));
    for (const one of requests) void this.#answer(one, request, principal, reply);
    return reply.answer;
  }

  /** A session id for a host that can be asked something; nothing else is remembered between two POSTs. */
  #sessionOf([first]: readonly RpcRequest[]): Record<string, string> {
    const capabilities =
      this.#options.isInteractive && first?.method === "initialize" ? askable(first.params.capabilities) : undefined;
    return capabilities === undefined ? {} : { "mcp-session-id": sessionIdOf(capabilities) };
  }

  async #answer(one: RpcRequest, request: Request, principal: string | undefined, reply: LegacyReply): Promise<void> {
    const { id } = one;
    try {
      const result = await this.#resultOf(one, request, principal, reply);
      reply.respond(JSON.stringify({ jsonrpc: "2.0", id, result }));
    } catch (reason) {
      const error = reason instanceof ProtocolError ? reason : rpcError(reason, "");
      const { code, message, data } = error;
      const text = JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } });
      const { status = 200, retryAfter } = httpStatusOf(error) ?? {};
      reply.respond(text, status, retryAfter === undefined ? {} : { "retry-after": retryAfter });
    }
  }

  async #resultOf(
    { method, params }: RpcRequest,
    request: Request,
    principal: string | undefined,
    reply: LegacyReply,
  ): Promise<Record<string, unknown>> {
    if (method === "ping") return {};
    if (method === "initialize") return initialized(params);
    const send = (message: object): void => reply.send(message);
    return this.#options.answering.answer({
      method,
      params,
      principal,
      request,
      signal: undefined,
      onProgress: progressOf(params, send),
      host: {
        era: "legacy",
        // Which replica has seen the handshake is not known.
        capabilities: sessionCapabilities(request.headers.get("mcp-session-id")),
        ask: (question, signal) =>
          this.#questions.ask(legacyQuestion(question), { principal, send, signal, gone: reply.gone }),
      },
    });
  }

  #get(request: Request): Response {
    if (!accepts(request.headers, "text/event-stream"))
      return errorResponse(406, -32000, "Not Acceptable: the client must accept text/event-stream");
    if (this.#options.changes.streams >= this.#options.maxStreams) return tooManyStreams();
    const keepAlive = new KeepAlive();
    let end = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stop = this.#options.changes.subscribe((event) => {
          // Nobody subscribes to a resource on this leg, and what others have subscribed to is theirs.
          if (event.kind === "resource_updated") return;
          const data = JSON.stringify({ jsonrpc: "2.0", ...notificationOf(event) });
          controller.enqueue(Buffer.from(`event: message\ndata: ${data}\n\n`));
        });
        keepAlive.start(controller);
        const release = (): void => {
          this.#streams.delete(close);
          keepAlive.stop();
          stop();
        };
        const close = (): void => {
          release();
          controller.close();
        };
        this.#streams.add(close);
        end = release;
        // The head of the response goes out with the first bytes.
        controller.enqueue(comment);
      },
      cancel: () => end(),
    });
    return new Response(body, { headers: eventStream });
  }
}

/** Whether a request accepts a type: by its name, as one of its kind, or as anything. */
function accepts(headers: Headers, type: string): boolean {
  const accept = (headers.get("accept") ?? "").toLowerCase();
  return [type, type.replace(/\/.*/, "/*"), "*/*"].some((range) => accept.includes(range));
}

/** The handshake: the revision that the host asks for, or the newest of those that have one. */
function initialized({ protocolVersion }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (typeof protocolVersion !== "string") throw invalidParams("The protocolVersion of initialize must be a string.");
  return {
    protocolVersion: versions.includes(protocolVersion) ? protocolVersion : versions[0],
    capabilities: capabilitiesOf({ era: "legacy", wire: "http" }),
    serverInfo,
  };
}

/** What passes progress on to the host, where it has asked for it. */
function progressOf(
  { _meta }: Readonly<Record<string, unknown>>,
  send: (message: object) => void,
): ((progress: object) => void) | undefined {
  const progressToken = isRecord(_meta) ? _meta.progressToken : undefined;
  if (typeof progressToken !== "string" && typeof progressToken !== "number") return undefined;
  return (progress) =>
    send({ jsonrpc: "2.0", method: "notifications/progress", params: { ...progress, progressToken } });
}
