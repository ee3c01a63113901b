import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool,
} from "@modelcontextprotocol/sdk/types.js";
import {
  type CallOptions,
  type ConnectOptions,
  callOptionNames,
  checkCallOptions,
  type FinishAuthOptions,
  type ListAllOptions,
  type ListOptions,
  listOptionNames,
  type PingOptions,
} from "./config/call-options.js";
import { checkOptions } from "./config/check-config.js";
import type { MinionClientOptions } from "./config/client-options.js";
import { type FromConfigOptions, splitFromConfigOptions } from "./config/from-config-options.js";
import { type ConfigReport, readConfig } from "./config/read-config.js";
import type { ServerConfig } from "./config/server-config.js";
import { finishAuth, infoOf, openSession, ping, type SessionOptions, subscribe } from "./direct.js";
import { type ClientEvent, Events } from "./events.js";
import { connectToEach, listToolsOfEach } from "./every-server.js";
import { findTool } from "./find-tool.js";
import type { ListName } from "./interfaces.js";
import { anyCall, completion, type KnownCall, promptGet, resourceRead, toolCall } from "./known-calls.js";
import { type CachedList, toPrompts, toResources, toResourceTemplates, toTools } from "./lists/cached-list.js";
import { Catalog, type ConnectReport, type ToolCatalog } from "./lists/catalog.js";
import type { Server } from "./server.js";
import { Servers } from "./servers.js";
import type { ServerInfo } from "./session/connection.js";
import type { SessionLease } from "./session-lease.js";
import type { ServerStatus } from "./status.js";

const noOptions: CallOptions = {};

/**
 * Dependable calls to many MCP servers: pooled connections, lists that are never stale, a breaker for each server, retries
 * that never run a side effect twice, and no process that outlives the client.
 *
 * The client owns the connections and processes it opens; `close()` ends them, and so does the end of the application,
 * however that comes about. Nothing is opened before it is needed.
 * @throws TypeError | RangeError | ConfigError (ERR_MCP_CONFIG) from the constructor, before anything is opened
 */
export class MinionClient implements AsyncDisposable {
  readonly #events = new Events();
  readonly #servers: Servers;
  readonly #catalog: Catalog;
  #configReport: ConfigReport | undefined;

  constructor(options: MinionClientOptions) {
    checkOptions(options);
    this.#catalog = new Catalog(options.names ?? {}, ({ server, tool }, message) =>
      this.#events.emit({ type: "malformedTool", server, tool, message, at: Date.now() }),
    );
    if (options.onEvent !== undefined) this.#events.subscribe(options.onEvent);
    this.#servers = new Servers(options, this.#events);
  }

  /**
   * A client for the servers of an mcp.json as any host writes it: a path, a URL of a file, or the object itself. An entry
   * that is wrong costs that server: it stands in `status()` as unavailable, and its calls reject with the `ConfigError`.
   * `configReport` says what became of each entry.
   * @throws ConfigError (ERR_MCP_CONFIG) where the file cannot be read or has no servers in a known place; with `strict`, an
   * AggregateError of every problem
   */
  static async fromConfig(config: string | URL | object, options: FromConfigOptions = {}): Promise<MinionClient> {
    const { client: own, reading } = splitFromConfigOptions(options);
    const { servers, broken, report } = await readConfig(config, reading, own.defaults);
    const client = new MinionClient({ ...own, servers });
    for (const entry of broken) client.#servers.addBroken(entry);
    client.#configReport = report;
    for (const [server, { ignored }] of Object.entries(report))
      for (const { key, why } of ignored)
        client.#events.emit({ type: "configKeyIgnored", server, key, why, at: Date.now() });
    return client;
  }

  /** What became of each entry of the configuration; undefined where the client was not made by `fromConfig`. */
  get configReport(): ConfigReport | undefined {
    return this.#configReport;
  }

  /**
   * Calls a tool. A result that says `isError` is returned, not thrown.
   * Rejects with `signal.reason`, with the SDK's own error where the server answers with one, and otherwise with an error of
   * this package: test its `code`, and its `delivery` for whether the server may have run the call.
   */
  async callTool(
    server: string,
    tool: string,
    args: Record<string, unknown> = {},
    options: CallOptions = noOptions,
  ): Promise<CallToolResult> {
    return this.#call(server, options, (found) => toolCall(found, tool, args, options), { usesHints: true });
  }

  /**
   * Calls a tool by its qualified name, as `listAllTools` has it; one that was listed stays callable while no list can be had.
   * @throws ToolNotFoundError (ERR_MCP_TOOL_NOT_FOUND) where no tool has the name, or several listed ones have it
   */
  async callQualified(
    name: string,
    args: Record<string, unknown> = {},
    options: CallOptions = noOptions,
  ): Promise<CallToolResult> {
    checkCallOptions(options, callOptionNames);
    const { server, tool } = await findTool(name, this.#servers.all(), this.#catalog, options);
    return this.callTool(server, tool, args, options);
  }

  /**
   * Sends any request of the protocol through all layers, and resolves with the result as the server sent it. It counts
   * as safe to repeat only where `idempotent` says so; for `tools/call`, also where the hints of the tool are known.
   */
  async request(
    server: string,
    method: string,
    params?: Record<string, unknown>,
    options: CallOptions = noOptions,
  ): Promise<unknown> {
    const usesHints = method === "tools/call";
    return this.#call(server, options, (found) => anyCall(found, method, params, options), { usesHints });
  }

  /** The tools of a server: all pages, from the cache while it is good, frozen. Empty where it declares none. */
  async listTools(server: string, options: ListOptions = {}): Promise<readonly Tool[]> {
    return toTools(await this.#list(server, "tools", options));
  }

  /**
   * The tools of all servers, or of those named. One that cannot be asked within `timeoutMs` (its own `callTimeoutMs`) is
   * reported in `failures` and holds up no other.
   * @throws ServerNotFoundError (ERR_MCP_SERVER_NOT_FOUND) for a name in `servers` that there is not
   */
  async listAllTools(options: ListAllOptions = {}): Promise<ToolCatalog> {
    checkCallOptions(options, [...listOptionNames, "servers"]);
    const { servers, ...how } = options;
    return listToolsOfEach(this.#servers.select(servers), this.#catalog, how);
  }

  /** The resources of a server, as `listTools`. */
  async listResources(server: string, options: ListOptions = {}): Promise<readonly Resource[]> {
    return toResources(await this.#list(server, "resources", options));
  }

  /** The templates of a server's resources, as `listTools`. */
  async listResourceTemplates(server: string, options: ListOptions = {}): Promise<readonly ResourceTemplate[]> {
    return toResourceTemplates(await this.#list(server, "resourceTemplates", options));
  }

  /** The content of a resource. Rejects as `callTool`. */
  async readResource(server: string, uri: string, options: CallOptions = noOptions): Promise<ReadResourceResult> {
    return this.#call(server, options, () => resourceRead(uri));
  }

  /**
   * Has `listener` called whenever the server says that a resource, or a part of it, has changed, and after a connection
   * was lost, since changes may have been missed then. Kept over reconnections until it is disposed or the server removed.
   */
  async subscribeResource(
    server: string,
    uri: string,
    listener: () => void,
    options: ListOptions = {},
  ): Promise<AsyncDisposable> {
    const found = this.#servers.get(server);
    checkCallOptions(options, listOptionNames);
    return subscribe(found, uri, listener, options);
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
    options: CallOptions = noOptions,
  ): Promise<GetPromptResult> {
    return this.#call(server, options, () => promptGet(name, args));
  }

  /** Values that an argument of a prompt or of a resource template can have. Rejects as `callTool`. */
  async complete(
    server: string,
    params: CompleteRequest["params"],
    options: CallOptions = noOptions,
  ): Promise<CompleteResult> {
    return this.#call(server, options, () => completion(params));
  }

  /** Who a server is and how it wants to be used, over an open connection, or over one that is opened for it. */
  async serverInfo(server: string, options: ListOptions = {}): Promise<ServerInfo> {
    const found = this.#servers.get(server);
    checkCallOptions(options, listOptionNames);
    return infoOf(found, options);
  }

  /**
   * Finishes a login that `authProvider` has sent the user to, with all the parameters that the user came back with: `code`,
   * `state` and `iss`, or `error`. The call that needed the login rejected with an `AuthorizationError`; make it again.
   * @throws AuthorizationError (ERR_MCP_AUTHORIZATION) where the parameters do not fit the login, or no token can be had
   */
  async finishAuth(server: string, params: URLSearchParams, options: FinishAuthOptions = {}): Promise<void> {
    const found = this.#servers.get(server);
    checkCallOptions(options, ["principal"]);
    return finishAuth(found, params, options);
  }

  /** A connection of one's own, for work that must stay on one. Dispose it: `await using session = await client.session(name)`. */
  async session(server: string, options: SessionOptions = {}): Promise<SessionLease> {
    const found = this.#servers.get(server);
    checkCallOptions(options, ["signal", "principal", "onServerRequest", "capabilities"]);
    return openSession(found, options);
  }

  /**
   * Opens a connection to each server, side by side, so that the first calls need not wait. One that fails, or takes longer
   * than `timeoutMs` (its own `connectTimeoutMs`), hurts no other.
   */
  async connect(options: ConnectOptions = {}): Promise<ConnectReport> {
    checkCallOptions(options, ["servers", "signal", "timeoutMs"]);
    return connectToEach(this.#servers.select(options.servers), options);
  }

  /**
   * Asks a server whether it is there, now and within its `connectTimeoutMs`, whatever its breaker says: the replica of that
   * number (0 is the server itself), or whichever can be reached. Resolves with the milliseconds that the answer took.
   */
  async ping(server: string, options: PingOptions = {}): Promise<number> {
    const found = this.#servers.get(server);
    checkCallOptions(options, ["signal", "principal", "replica"]);
    return ping(found, options);
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
    return [...this.#servers.all(), ...this.#servers.broken()].map((server) => server.status());
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
    return this.#servers.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call<T>(
    server: string,
    options: CallOptions,
    known: (server: Server) => KnownCall<T>,
    { usesHints } = { usesHints: false },
  ): Promise<T> {
    const found = this.#servers.get(server);
    if (options !== noOptions) checkCallOptions(options, callOptionNames);
    const recalled = usesHints ? found.lists.recallTools(options.principal) : undefined;
    if (recalled !== undefined) await recalled;
    const { subject, take } = known(found);
    return found.call(subject, options, take);
  }

  async #list(server: string, list: ListName, options: ListOptions): Promise<CachedList> {
    const found = this.#servers.get(server);
    checkCallOptions(options, listOptionNames);
    return found.lists.get(list, options);
  }
}
