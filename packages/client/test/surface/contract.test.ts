import type { CircuitBreakerOptions } from "@minion/breaker";
import type { CacheOptions } from "@minion/cache";
import type { PoolOptions } from "@minion/pool";
import type {
  CallToolResult,
  ClientCapabilities,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  Progress,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, expectTypeOf, test } from "vitest";
import {
  type Breaker,
  type CacheContext,
  type CallOptions,
  type ClientEvent,
  type ConnectReport,
  type ListOptions,
  type McpSession,
  MinionClient,
  type MinionClientOptions,
  type ServerConfig,
  type ServerInfo,
  type ServerPolicy,
  type ServerStatus,
  type SessionLease,
  type SessionPool,
  type ToolCatalog,
  type ToolListCache,
} from "../../src/index.js";

// The contract that other packages are written against, word for word; members of other issues are left out.

interface ContractOptions {
  readonly servers: Readonly<Record<string, ServerConfig>>;
  readonly defaults?: ServerPolicy | undefined;
  readonly maxTotalConnections?: number | undefined;
  readonly clientInfo?: { readonly name: string; readonly version: string } | undefined;
  readonly capabilities?: ClientCapabilities | undefined;
  readonly onServerRequest?:
    | ((
        request: {
          readonly server: string;
          readonly principal: string | undefined;
          readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
          readonly params: unknown;
        },
        context: {
          readonly signal: AbortSignal;
          readonly call: { readonly method: string; readonly target: string | undefined } | undefined;
        },
      ) => Promise<unknown>)
    | undefined;
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  readonly names?: { readonly prefix?: string | undefined; readonly maxLength?: number | undefined } | undefined;
  readonly pool?: ((options: PoolOptions<McpSession>) => SessionPool) | undefined;
  readonly cache?:
    | ((server: string, options: CacheOptions<unknown>, context: ContractCacheContext) => ToolListCache)
    | undefined;
  readonly breaker?:
    | ((
        server: string,
        options: CircuitBreakerOptions,
        context: { readonly identity: string; readonly replica: number },
      ) => Breaker)
    | undefined;
}

interface ContractCacheContext {
  readonly identity: string;
  readonly codec: { encode(list: unknown): string; decode(text: string): unknown };
}

interface ContractCallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly resetTimeoutOnProgress?: boolean | undefined;
  readonly maxTotalTimeoutMs?: number | undefined;
  readonly priority?: number | undefined;
  readonly idempotent?: boolean | undefined;
  readonly principal?: string | undefined;
  readonly pauseTimeoutOnServerRequest?: boolean | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly meta?: Record<string, unknown> | undefined;
}

interface ContractClient extends AsyncDisposable {
  callTool(
    server: string,
    tool: string,
    args?: Record<string, unknown>,
    options?: ContractCallOptions,
  ): Promise<CallToolResult>;
  callQualified(name: string, args?: Record<string, unknown>, options?: ContractCallOptions): Promise<CallToolResult>;
  listTools(server: string, options?: ListOptions): Promise<readonly Tool[]>;
  listAllTools(options?: ListOptions & { readonly servers?: readonly string[] }): Promise<ToolCatalog>;
  listResources(server: string, options?: ListOptions): Promise<readonly Resource[]>;
  readResource(server: string, uri: string, options?: ContractCallOptions): Promise<ReadResourceResult>;
  listPrompts(server: string, options?: ListOptions): Promise<readonly Prompt[]>;
  getPrompt(
    server: string,
    name: string,
    args?: Record<string, string>,
    options?: ContractCallOptions,
  ): Promise<GetPromptResult>;
  request(
    server: string,
    method: string,
    params?: Record<string, unknown>,
    options?: ContractCallOptions,
  ): Promise<unknown>;
  listResourceTemplates(server: string, options?: ListOptions): Promise<readonly ResourceTemplate[]>;
  complete(server: string, params: CompleteRequest["params"], options?: ContractCallOptions): Promise<CompleteResult>;
  subscribeResource(server: string, uri: string, listener: () => void, options?: ListOptions): Promise<AsyncDisposable>;
  serverInfo(server: string, options?: ListOptions): Promise<ServerInfo>;
  session(
    server: string,
    options?: {
      readonly signal?: AbortSignal;
      readonly principal?: string;
      readonly onServerRequest?: ContractOptions["onServerRequest"];
      readonly capabilities?: ClientCapabilities;
    },
  ): Promise<SessionLease>;
  connect(options?: {
    readonly servers?: readonly string[];
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
  }): Promise<ConnectReport>;
  ping(
    server: string,
    options?: { readonly signal?: AbortSignal; readonly principal?: string; readonly replica?: number },
  ): Promise<number>;
  addServer(name: string, config: ServerConfig): void;
  removeServer(name: string): Promise<void>;
  status(): readonly ServerStatus[];
  subscribe(listener: (event: ClientEvent) => void): () => void;
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

test("M21: the client has every method of the contract, with its types", () => {
  expectTypeOf<MinionClient>().toExtend<ContractClient>();
  expectTypeOf<ContractOptions>().toExtend<MinionClientOptions>();
  expectTypeOf<MinionClientOptions>().toExtend<ContractOptions>();
  expectTypeOf<ContractCallOptions>().toExtend<CallOptions>();
  expectTypeOf<CallOptions>().toExtend<ContractCallOptions>();
  expectTypeOf<CacheContext>().toExtend<ContractCacheContext>();
  expectTypeOf<ServerInfo>().toExtend<{
    readonly name: string;
    readonly version: string;
    readonly instructions: string | undefined;
    readonly capabilities: Readonly<Record<string, unknown>>;
    readonly protocol: string | undefined;
  }>();
  expectTypeOf<ClientEvent["type"]>().extract<"listChanged" | "serverNotification">().not.toBeNever();
  const methods: readonly (keyof ContractClient)[] = ["request", "complete", "subscribeResource", "serverInfo"];
  for (const method of methods) expect(Reflect.get(MinionClient.prototype, method)).toBeTypeOf("function");
});
