import type { Progress } from "@modelcontextprotocol/sdk/types.js";

/** The options of one request to an {@link McpSession}, as clients of SDK v1 and v2 take them. */
export interface McpCallOptions {
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the session itself gives the request up. Minion's own deadline always comes first. */
  readonly timeout?: number | undefined;
  /** Receives the progress that the server reports. */
  readonly onprogress?: ((progress: Progress) => void) | undefined;
}

/**
 * A connected MCP session: what Minion needs of a client of the MCP SDK. A connected `Client` of SDK v1
 * (`@modelcontextprotocol/sdk`) and of v2 (`@modelcontextprotocol/client`) fits as it is; their differences
 * are adapted inside.
 */
export interface McpSession {
  request(
    request: { method: string; params?: Record<string, unknown> },
    schema: never,
    options?: McpCallOptions,
  ): Promise<unknown>;
  callTool(
    params: { name: string; arguments?: Record<string, unknown>; _meta?: Record<string, unknown> },
    ...rest: never[]
  ): Promise<unknown>;
  listTools(
    params?: { cursor?: string },
    options?: McpCallOptions,
  ): Promise<{ tools: unknown[]; nextCursor?: string | undefined }>;
  close(): Promise<void>;
  getServerCapabilities(): object | undefined;
  getServerVersion?(): { readonly name: string; readonly version: string } | undefined;
  getInstructions?(): string | undefined;
  /** Only SDK v2 has it. */
  getNegotiatedProtocolVersion?(): string | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly transport?: unknown;
}

/** What a custom `connect` is told about the session it is asked to open. */
export interface ConnectContext {
  /** The server's name in the configuration. */
  readonly server: string;
  /** On whose behalf the session is opened. */
  readonly principal: string | undefined;
  /** Aborts when the connection is no longer wanted or has taken too long. */
  readonly signal: AbortSignal;
}
