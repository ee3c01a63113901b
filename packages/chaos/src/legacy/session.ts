import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  ListRootsResultSchema,
  type LoggingLevel,
  LoggingLevelSchema,
  McpError,
  type ServerNotification,
  type ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import type { FaultController, ListName } from "../fault-controller.js";
import { answer } from "../features/answer.js";
import { declaredCapabilities, declaredInstructions, hasCapability, serverInfo } from "../features/capabilities.js";
import { stringOf } from "../features/params.js";
import type { Question, RequestContext } from "../features/tool.js";
import { type JsonObject, objectOf } from "../json.js";
import { FaultyTransport } from "./faulty-transport.js";

interface SessionOptions {
  /** Whether the transport can carry notifications as soon as the client is initialized. */
  readonly announcesReady: boolean;
  /** Whether a question to the client can travel in the reply to its own request. */
  readonly asksInReply: boolean;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const changes = {
  tools: "notifications/tools/list_changed",
  resources: "notifications/resources/list_changed",
  prompts: "notifications/prompts/list_changed",
} as const;

/** One client of the legacy era connected: an MCP server of its own on a transport of its own. */
export class Session {
  readonly id: string;
  readonly transport: FaultyTransport;
  readonly #server: Server;
  readonly #controller: FaultController;
  readonly #asksInReply: boolean;
  readonly #announces: boolean;
  readonly #memory = { counter: 0 };
  readonly #subscribed = new Set<string>();

  constructor(controller: FaultController, inner: Transport, id: string, options: SessionOptions) {
    const { faults } = controller;
    this.id = id;
    this.#controller = controller;
    this.#asksInReply = options.asksInReply;
    this.transport = new FaultyTransport(inner, controller, id);
    this.#announces = !faults.noListChanged;
    this.#server = new Server(serverInfo, {
      capabilities: declaredCapabilities(faults),
      ...declaredInstructions(faults),
    });
    this.#server.oninitialized = () => {
      if (options.announcesReady) this.listChanged(controller.faults.listChangedOnInit, "tools");
      if (controller.faults.busy) controller.host.spin();
    };
    this.#server.fallbackRequestHandler = ({ method, params }, extra) => this.#answer(method, objectOf(params), extra);
  }

  async open(): Promise<void> {
    await this.#server.connect(this.transport);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** Tells the client so many times that a list has changed. */
  listChanged(count: number, list: ListName): void {
    if (!this.#announces) return;
    this.#notify({ method: changes[list] }, count);
  }

  /** Tells the client so many times that a resource was updated, where it has subscribed to it. */
  resourceUpdated(uri: string, count: number): void {
    if (this.#subscribed.has(uri)) this.#notify({ method: "notifications/resources/updated", params: { uri } }, count);
  }

  #notify(notification: ServerNotification, count: number): void {
    for (let sent = 0; sent < count; sent += 1) {
      // A notification to a client that has just gone is nobody's failure.
      this.#server.notification(notification).catch(() => {});
    }
  }

  async #answer(method: string, params: JsonObject, extra: Extra): Promise<JsonObject> {
    if (hasCapability(this.#controller.faults, "subscribe")) {
      if (method === "resources/subscribe") return this.#subscribe(stringOf(params, "uri"));
      if (method === "resources/unsubscribe") return this.#unsubscribe(stringOf(params, "uri"));
    }
    return answer(method, params, this.#contextOf(params, extra));
  }

  #subscribe(uri: string): JsonObject {
    this.#subscribed.add(uri);
    return {};
  }

  #unsubscribe(uri: string): JsonObject {
    this.#subscribed.delete(uri);
    return {};
  }

  #contextOf(params: JsonObject, extra: Extra): RequestContext {
    const { signal, sendNotification } = extra;
    return {
      controller: this.#controller,
      memory: this.#memory,
      signal,
      ask: async (questions) => {
        const answers = Object.entries(questions).map(async ([key, question]) => [
          key,
          await this.#ask(question, extra),
        ]);
        return Object.fromEntries(await Promise.all(answers));
      },
      report: async (progress, total) => {
        const progressToken = objectOf(params._meta).progressToken;
        if (typeof progressToken !== "string" && typeof progressToken !== "number") return;
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress, total } });
      },
      log: async (name, data) => {
        if (!hasCapability(this.#controller.faults, "logging")) return;
        const level: LoggingLevel = LoggingLevelSchema.parse(name);
        await this.#server.sendLoggingMessage({ level, logger: serverInfo.name, data }, extra.sessionId);
      },
      announce: (count) => this.listChanged(count, "tools"),
    };
  }

  #ask({ method, params }: Question, { signal: all, requestId }: Extra): Promise<unknown> {
    // One of its own: the SDK leaves its listener on the signal of a request that was answered.
    const signal = AbortSignal.any([all]);
    // A JSON reply has no room for a question; that takes the standing stream.
    const options = this.#asksInReply ? { signal, relatedRequestId: requestId } : { signal };
    const [capability, schema] = {
      "elicitation/create": ["elicitation", ElicitResultSchema] as const,
      "sampling/createMessage": ["sampling", CreateMessageResultSchema] as const,
      "roots/list": ["roots", ListRootsResultSchema] as const,
    }[method];
    if (this.#server.getClientCapabilities()?.[capability] === undefined) {
      throw new McpError(ErrorCode.InvalidRequest, `The client does not support ${capability}`);
    }
    return this.#server.request({ method, params: { ...params } }, schema, options);
  }
}
