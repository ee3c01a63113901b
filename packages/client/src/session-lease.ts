import type { Lease } from "@minion/pool";
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js";
import {
  type CallOptions,
  callOptionNames,
  checkCallOptions,
  type ListOptions,
  listOptionNames,
} from "./config/call-options.js";
import { SessionLostError } from "./errors.js";
import { anyCall, toolCall } from "./known-calls.js";
import { toTools } from "./lists/cached-list.js";
import type { McpSession } from "./mcp-session.js";
import type { Server } from "./server.js";
import type { Connection } from "./session/connection.js";

/** A connection of one's own, for work that must stay on one: nobody else uses it, and it ends with the lease. */
export interface SessionLease extends AsyncDisposable {
  /** Calls a tool on this connection. Nothing is repeated; a lost connection is a `SessionLostError`. */
  callTool(tool: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallToolResult>;
  /**
   * Sends any request of the protocol on this connection, and resolves with the result as the server sent it. What the
   * server asks meanwhile goes to the `onServerRequest` of the session. Nothing is repeated.
   */
  request(method: string, params?: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  /** Lists the tools as this connection sees them, not from the cache. */
  listTools(options?: ListOptions): Promise<readonly Tool[]>;
  /** Aborts when the connection is lost. */
  readonly signal: AbortSignal;
}

/** The lease of one connection of one server. */
export class OwnSession implements SessionLease {
  readonly #server: Server;
  readonly #connection: Connection;
  readonly #lease: Lease<McpSession>;
  readonly #principal: string | undefined;
  #ended: Promise<void> | undefined;

  constructor(server: Server, connection: Connection, lease: Lease<McpSession>, principal: string | undefined) {
    this.#server = server;
    this.#connection = connection;
    this.#lease = lease;
    this.#principal = principal;
  }

  get signal(): AbortSignal {
    return this.#lease.signal;
  }

  async callTool(tool: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<CallToolResult> {
    checkCallOptions(options, callOptionNames);
    this.#checkOpen();
    const own = { ...options, principal: this.#principal };
    const { subject, take } = toolCall(this.#server, tool, args, own);
    return this.#server.callOver(this.#connection, subject, own, take);
  }

  async request(method: string, params?: Record<string, unknown>, options: CallOptions = {}): Promise<unknown> {
    checkCallOptions(options, callOptionNames);
    this.#checkOpen();
    const own = { ...options, principal: this.#principal };
    const { subject, take } = anyCall(this.#server, method, params, own);
    return this.#server.callOver(this.#connection, subject, own, take);
  }

  async listTools(options: ListOptions = {}): Promise<readonly Tool[]> {
    checkCallOptions(options, listOptionNames);
    this.#checkOpen();
    const own = { signal: options.signal, timeoutMs: options.timeoutMs, principal: this.#principal };
    const list = await this.#server.listOver(this.#connection, "tools", own);
    return toTools(this.#server.lists.shown(list));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#lease.destroy();
    return this.#ended;
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw new SessionLostError(this.#server.name, { delivery: "not-sent" });
  }
}
