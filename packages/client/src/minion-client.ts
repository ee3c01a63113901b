import type {
  CallToolResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  Tool,
} from "@modelcontextprotocol/sdk/types.js";
import {
  type CallOptions,
  callOptionNames,
  checkCallOptions,
  type ListOptions,
  listOptionNames,
} from "./config/call-options.js";
import { checkOptions } from "./config/check-config.js";
import type { MinionClientOptions } from "./config/client-options.js";
import { readConfig } from "./config/read-config.js";
import type { ServerConfig } from "./config/server-config.js";
import { ToolNotFoundError } from "./errors.js";
import { type ClientEvent, Events } from "./events.js";
import { toPromptMessages, toPrompts, toResourceContents, toResources, toTools } from "./lists/answers.js";
import type { ConnectReport, QualifiedTool, ServerFailure, ToolCatalog } from "./lists/catalog.js";
import type { ListName } from "./lists/list-names.js";
import type { CachedList } from "./lists/lists.js";
import { mayBelongTo, pairOf, qualifiedName } from "./lists/qualified-name.js";
import { Servers } from "./servers.js";
import { OwnSession, type SessionLease } from "./session-lease.js";
import type { ServerStatus } from "./status.js";
import { toolCall } from "./tool-call.js";

/**
 * Dependable calls to many MCP servers: pooled connections, lists that are never stale, a breaker for each server, retries
 * that never run a side effect twice, and no process that outlives the client.
 *
 * The client owns the connections and processes it opens; `close()` ends them, and so does the end of the application,
 * however that comes about. Nothing is opened before it is needed.
 *
 * @throws TypeError | RangeError | ConfigError (ERR_MCP_CONFIG) from the constructor, before anything is opened
 */
export class MinionClient implements AsyncDisposable {
  readonly #events = new Events();
  readonly #servers: Servers;

  constructor(options: MinionClientOptions) {
    checkOptions(options);
    if (options.onEvent !== undefined) this.#events.subscribe(options.onEvent);
    this.#servers = new Servers(options, this.#events);
  }

  /**
   * A client for the servers of an mcp.json, as Claude Desktop, Cursor and VS Code write it: a path, a URL of a file, or the
   * object itself. `${NAME}`, `${NAME:-default}` and `${env:NAME}` are replaced; disabled servers are left out.
   *
   * @throws ConfigError (ERR_MCP_CONFIG) that names the file, the server and the key or the unset variable
   */
  static async fromConfig(
    config: string | URL | object,
    options: Omit<MinionClientOptions, "servers"> = {},
  ): Promise<MinionClient> {
    const { servers, ignored } = await readConfig(config);
    const client = new MinionClient({ ...options, servers });
    for (const { server, key } of ignored)
      client.#events.emit({ type: "configKeyIgnored", server, key, at: Date.now() });
    return client;
  }

  /**
   * Calls a tool. A result that says `isError` is returned, not thrown.
   *
   * Rejects with `signal.reason`, with the SDK's own error where the server answers with one, and otherwise with an error of
   * this package: test its `code`, and its `delivery` for whether the server may have run the call.
   */
  async callTool(
    server: string,
    tool: string,
    args: Record<string, unknown> = {},
    options: CallOptions = {},
  ): Promise<CallToolResult> {
    const found = this.#servers.get(server);
    checkCallOptions(options, callOptionNames);
    const { request, take } = toolCall(found, tool, args, options);
    return await found.request(request, options, take);
  }

  /** Calls a tool by its qualified name. @throws ToolNotFoundError (ERR_MCP_TOOL_NOT_FOUND) where no tool has it */
  async callQualified(
    name: string,
    args: Record<string, unknown> = {},
    options: CallOptions = {},
  ): Promise<CallToolResult> {
    checkCallOptions(options, callOptionNames);
    const pair = pairOf(name);
    if (pair !== undefined && this.#servers.has(pair.server))
      return this.callTool(pair.server, pair.tool, args, options);
    const found = await this.#find(name, options);
    if (found === undefined) throw new ToolNotFoundError(name, pair?.server);
    return this.callTool(found.server, found.tool, args, options);
  }

  /** The tools of a server: all pages, from the cache while it is good, frozen. */
  async listTools(server: string, options: ListOptions = {}): Promise<readonly Tool[]> {
    return toTools(await this.#list(server, "tools", options));
  }

  /** The tools of all servers. One that cannot be asked is reported and does not hold up the others beyond its own deadline. */
  async listAllTools(options: ListOptions = {}): Promise<ToolCatalog> {
    checkCallOptions(options, listOptionNames);
    const names = this.#servers.names();
    const lists = await Promise.allSettled(names.map((name) => this.listTools(name, options)));
    if (options.signal?.aborted) throw options.signal.reason;
    const tools: QualifiedTool[] = [];
    const failures: ServerFailure[] = [];
    for (const [index, server] of names.entries()) {
      const list = lists[index];
      if (list?.status === "fulfilled")
        for (const tool of list.value)
          tools.push({ ...tool, server, tool: tool.name, name: qualifiedName(server, tool.name) });
      else failures.push({ server, error: list?.reason });
    }
    return { tools, failures };
  }

  /** The resources of a server, as `listTools`. */
  async listResources(server: string, options: ListOptions = {}): Promise<readonly Resource[]> {
    return toResources(await this.#list(server, "resources", options));
  }

  /** The content of a resource. Rejects as `callTool`. */
  async readResource(server: string, uri: string, options: CallOptions = {}): Promise<ReadResourceResult> {
    const found = this.#servers.get(server);
    checkCallOptions(options, callOptionNames);
    const request = { method: "resources/read", params: { uri }, what: `Resource "${uri}"`, isSafe: true };
    return found.request(request, options, (answer) => ({ value: toResourceContents(answer) }));
  }

  /** The prompts of a server, as `listTools`. */
  async listPrompts(server: string, options: ListOptions = {}): Promise<readonly Prompt[]> {
    return toPrompts(await this.#list(server, "prompts", options));
  }

  /** A prompt, filled in. Rejects as `callTool`. */
  async getPrompt(
    server: string,
    name: string,
    args: Record<string, string> = {},
    options: CallOptions = {},
  ): Promise<GetPromptResult> {
    const found = this.#servers.get(server);
    checkCallOptions(options, callOptionNames);
    const request = {
      method: "prompts/get",
      params: { name, arguments: args },
      target: name,
      what: `Prompt "${name}"`,
      isSafe: true,
    };
    return found.request(request, options, (answer) => ({ value: toPromptMessages(answer) }));
  }

  /** A connection of one's own, for work that must stay on one. Dispose it: `await using session = await client.session(name)`. */
  async session(
    server: string,
    options: { readonly signal?: AbortSignal | undefined; readonly principal?: string | undefined } = {},
  ): Promise<SessionLease> {
    const found = this.#servers.get(server);
    checkCallOptions(options, ["signal", "principal"]);
    const own = { ...options, isOwn: true };
    return found.withConnection(
      own,
      async (connection, lease) => new OwnSession(found, connection, lease, options.principal),
    );
  }

  /** Opens a connection to each server, side by side, so that the first calls need not wait. One that fails hurts no other. */
  async connect(
    options: { readonly servers?: readonly string[] | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ConnectReport> {
    const { servers = this.#servers.names(), signal } = options;
    const found = servers.map((name) => this.#servers.get(name));
    const outcomes = await Promise.allSettled(
      found.map((server) => server.withConnection({ signal }, async (_, lease) => lease.release())),
    );
    if (signal?.aborted) throw signal.reason;
    const connected: string[] = [];
    const failures: ServerFailure[] = [];
    for (const [index, server] of servers.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === "fulfilled") connected.push(server);
      else failures.push({ server, error: outcome?.reason });
    }
    return { connected, failures };
  }

  /** Asks a server whether it is there, now, whatever its breaker says. Resolves with the milliseconds that it took. */
  async ping(server: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<number> {
    const found = this.#servers.get(server);
    checkCallOptions(options, ["signal"]);
    return found.withConnection(options, async (connection, lease, deadline) => {
      try {
        const begin = performance.now();
        await connection.ping(deadline);
        return performance.now() - begin;
      } finally {
        lease.release();
      }
    });
  }

  /** Adds a server. @throws ConfigError (ERR_MCP_CONFIG) where its name is taken or its entry is wrong */
  addServer(name: string, config: ServerConfig): void {
    this.#servers.add(name, config);
  }

  /** Removes a server: calls in flight have a second, then its connections end. Resolves when no process of it is left. */
  async removeServer(name: string): Promise<void> {
    await this.#servers.remove(name);
  }

  /** How every server is. */
  status(): readonly ServerStatus[] {
    return this.#servers.all().map((server) => server.status());
  }

  /** Tells `listener` what happens, until the returned function is called. What it throws is dropped. */
  subscribe(listener: (event: ClientEvent) => void): () => void {
    if (typeof listener !== "function") throw new TypeError("MinionClient: a listener must be a function");
    return this.#events.subscribe(listener);
  }

  /**
   * Refuses new calls, gives those in flight `graceMs` (1 000), then ends every connection and process. Resolves when none
   * is left. Further calls get the same promise.
   */
  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    const { graceMs = 1_000 } = options;
    if (!(typeof graceMs === "number" && graceMs >= 0))
      throw new TypeError(`MinionClient: graceMs must be 0 or more milliseconds, got ${graceMs}`);
    return this.#servers.close(graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The tool that has a name with a hash: of the servers that may have it, the first to say so is enough. */
  async #find(
    name: string,
    { signal, timeoutMs, principal }: CallOptions,
  ): Promise<{ readonly server: string; readonly tool: string } | undefined> {
    const servers = this.#servers.names().filter((server) => mayBelongTo(name, server));
    const searches = servers.map(async (server) => {
      const tools = await this.listTools(server, { signal, timeoutMs, principal });
      const found = tools.find((tool) => qualifiedName(server, tool.name) === name);
      if (found === undefined) throw new ToolNotFoundError(name, server);
      return { server, tool: found.name };
    });
    try {
      return await Promise.any(searches);
    } catch {
      // A server that could not be asked may have it all the same.
      for (const search of await Promise.allSettled(searches))
        if (search.status === "rejected" && !(search.reason instanceof ToolNotFoundError)) throw search.reason;
      return undefined;
    }
  }

  async #list(server: string, list: ListName, options: ListOptions): Promise<CachedList> {
    const found = this.#servers.get(server);
    checkCallOptions(options, listOptionNames);
    return found.list(list, options);
  }
}
