import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CallToolRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Conductor } from "./conductor.js";
import type { Faults } from "./faults.js";
import { FaultyTransport } from "./faulty-transport.js";
import { findTool, type Listing, listedPrompts, listedResources, listedTools, type Page, page } from "./lists.js";
import { forever, pause } from "./tool.js";

interface SessionOptions {
  /** Whether the transport can carry notices as soon as the client is initialized. */
  readonly announcesReady: boolean;
  /** Whether a question to the client can travel in the reply to its own request. */
  readonly asksInReply: boolean;
}

/** One client connected: an MCP server of its own on a transport of its own. */
export class Session {
  readonly id: string;
  readonly transport: FaultyTransport;
  readonly #server: Server;
  readonly #conductor: Conductor;
  readonly #asksInReply: boolean;
  readonly #announces: boolean;
  readonly #memory = { counter: 0 };

  constructor(conductor: Conductor, inner: Transport, id: string, options: SessionOptions) {
    this.id = id;
    this.#conductor = conductor;
    this.#asksInReply = options.asksInReply;
    this.transport = new FaultyTransport(inner, conductor, id);
    this.#announces = !conductor.faults.noListChanged;
    const listChanged = this.#announces;
    this.#server = new Server(
      { name: "minion-chaos", version: "1.0.0" },
      { capabilities: { tools: { listChanged }, resources: { listChanged }, prompts: { listChanged } } },
    );
    this.#server.oninitialized = () => {
      if (options.announcesReady) this.listChanged(conductor.faults.listChangedOnInit);
      if (conductor.faults.busy) conductor.host.spin();
    };
    this.#answerLists();
    this.#answerCalls();
    this.#answerReads();
  }

  async open(): Promise<void> {
    await this.#server.connect(this.transport);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** Tells the client so many times that the tool list has changed. */
  listChanged(count: number): void {
    if (!this.#announces) return;
    for (let sent = 0; sent < count; sent += 1) {
      // A notice to a client that has just gone is nobody's failure.
      this.#server.sendToolListChanged().catch(() => {});
    }
  }

  #answerLists(): void {
    this.#server.setRequestHandler(ListToolsRequestSchema, async (request, { signal }) => {
      const { entries, rest } = await this.#page(listedTools, request.params?.cursor, signal);
      return { tools: entries, ...rest };
    });
    this.#server.setRequestHandler(ListResourcesRequestSchema, async (request, { signal }) => {
      const { entries, rest } = await this.#page(listedResources, request.params?.cursor, signal);
      return { resources: entries, ...rest };
    });
    this.#server.setRequestHandler(ListPromptsRequestSchema, async (request, { signal }) => {
      const { entries, rest } = await this.#page(listedPrompts, request.params?.cursor, signal);
      return { prompts: entries, ...rest };
    });
  }

  async #page(
    list: (faults: Faults) => readonly Listing[],
    cursor: string | undefined,
    signal: AbortSignal,
  ): Promise<Page> {
    const { faults } = this.#conductor;
    const answer = page(list(faults), cursor, faults);
    if (list === listedTools) this.listChanged(faults.listChangedOnList);
    if (faults.listDelayMs > 0) await pause(faults.listDelayMs, signal);
    return answer;
  }

  #answerCalls(): void {
    this.#server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
      const { faults, host } = this.#conductor;
      const { signal, requestId } = extra;
      const { name, arguments: args, _meta } = request.params;
      if (this.#conductor.crashesThisCall()) host.crash(1);
      if (signal.aborted || faults.hangCalls) return forever(signal);
      if (faults.callDelayMs > 0) await pause(faults.callDelayMs, signal);
      const tool = findTool(name, faults);
      if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
      return tool.run(args, {
        conductor: this.#conductor,
        server: this.#server,
        memory: this.#memory,
        signal,
        // A JSON reply has no room for a question; that takes the standing stream.
        ask: this.#asksInReply ? { signal, relatedRequestId: requestId } : { signal },
        report: async (progress, total) => {
          const progressToken = _meta?.progressToken;
          if (progressToken === undefined) return;
          await extra.sendNotification({
            method: "notifications/progress",
            params: { progressToken, progress, total },
          });
        },
      });
    });
  }

  #answerReads(): void {
    this.#server.setRequestHandler(ReadResourceRequestSchema, (request) => {
      const { uri } = request.params;
      if (!listedResources(this.#conductor.faults).some((resource) => resource.uri === uri)) {
        throw new McpError(-32002, `Resource not found: ${uri}`);
      }
      return { contents: [{ uri, mimeType: "text/plain", text: `contents of ${uri}` }] };
    });
    this.#server.setRequestHandler(GetPromptRequestSchema, (request) => {
      const { name } = request.params;
      if (!listedPrompts(this.#conductor.faults).some((prompt) => prompt.name === name)) {
        throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${name}`);
      }
      const content = { type: "text" as const, text: JSON.stringify(request.params.arguments ?? {}) };
      return { messages: [{ role: "user" as const, content }] };
    });
  }
}
