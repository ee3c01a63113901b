import type { CallOptions, MinionClient } from "@minion/client";
import { isRecord } from "./is-record.js";
import { MethodNotFoundError } from "./transport-error.js";

type Params = Readonly<Record<string, unknown>>;

/** The newest revision that a client is offered which asks for one that is not spoken here. */
const newestProtocol = "2025-11-25";
const protocols: readonly unknown[] = ["2024-11-05", "2025-03-26", "2025-06-18", newestProtocol];
/** Requests that only read, which Minion may repeat. */
const reads: ReadonlySet<string> = new Set(["resources/read", "prompts/get", "completion/complete"]);
/** What belongs to a connection, of which Minion has its own, and to the handshake of the modern revisions. */
const notServed = /^(?:server\/discover$|subscriptions\/)/;

/** Answers the requests of a transport's client out of a `MinionClient`. */
export class TransportRequests {
  readonly #client: MinionClient;
  readonly #server: string;
  readonly #options: Pick<CallOptions, "principal" | "timeoutMs">;
  readonly #notify: (method: string, params: unknown) => void;
  readonly #subscriptions = new Map<string, Promise<AsyncDisposable>>();

  constructor(
    client: MinionClient,
    server: string,
    options: Pick<CallOptions, "principal" | "timeoutMs">,
    notify: (method: string, params: unknown) => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#options = { principal: options.principal, timeoutMs: options.timeoutMs };
    this.#notify = notify;
  }

  /** The result of a request. Rejects with the client's error, or with `signal.reason`. */
  async answer(method: string, params: Params | undefined, signal: AbortSignal): Promise<unknown> {
    const client = this.#client;
    const server = this.#server;
    const options = { ...this.#options, signal };
    switch (method) {
      case "initialize":
        return this.#initialize(params, signal);
      case "ping":
        return {};
      case "tools/list":
        return { tools: structuredClone(await client.listTools(server, options)) };
      case "resources/list":
        return { resources: structuredClone(await client.listResources(server, options)) };
      case "resources/templates/list":
        return { resourceTemplates: structuredClone(await client.listResourceTemplates(server, options)) };
      case "prompts/list":
        return { prompts: structuredClone(await client.listPrompts(server, options)) };
      case "resources/subscribe":
        return this.#subscribe(text(params, "uri"), signal);
      case "resources/unsubscribe":
        return this.#unsubscribe(text(params, "uri"));
      case "tools/call":
        return this.#callTool(params, signal);
      default:
        if (notServed.test(method)) throw new MethodNotFoundError(method);
        return this.#pass(method, params, signal);
    }
  }

  /** Ends the subscriptions. What they reject with is nobody's concern any more. */
  async close(): Promise<void> {
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    await Promise.allSettled(subscriptions.map(async (one) => (await one)[Symbol.asyncDispose]()));
  }

  async #initialize(params: Params | undefined, signal: AbortSignal): Promise<unknown> {
    const { name, version, instructions, capabilities } = await this.#client.serverInfo(this.#server, {
      ...this.#options,
      signal,
    });
    return {
      protocolVersion: protocols.includes(params?.protocolVersion) ? params?.protocolVersion : newestProtocol,
      serverInfo: { name, version },
      capabilities: structuredClone(capabilities),
      ...(instructions !== undefined && { instructions }),
    };
  }

  /** A call with nothing but a name and arguments has its result checked; any other goes to the server as it is. */
  async #callTool(params: Params | undefined, signal: AbortSignal): Promise<unknown> {
    const { name, arguments: args = {}, _meta, ...others } = params ?? {};
    if (typeof name !== "string") throw new TypeError("The name of a tool must be a string");
    if (!isRecord(args)) throw new TypeError("The arguments of a tool must be an object");
    if (Object.keys(others).length > 0) return this.#pass("tools/call", params, signal);
    return this.#client.callTool(this.#server, name, { ...args }, this.#callOptions(_meta, signal));
  }

  /** Whatever else there is, the server answers itself. */
  #pass(method: string, params: Params | undefined, signal: AbortSignal): Promise<unknown> {
    const { _meta, ...others } = params ?? {};
    return this.#client.request(this.#server, method, params === undefined ? undefined : others, {
      ...this.#callOptions(_meta, signal),
      ...(reads.has(method) && { idempotent: true }),
    });
  }

  /** Progress is told under the token that the client chose; Minion has tokens of its own. */
  #callOptions(given: unknown, signal: AbortSignal): CallOptions {
    const { progressToken, ...meta } = isRecord(given) ? given : {};
    return {
      ...this.#options,
      signal,
      ...(Object.keys(meta).length > 0 && { meta }),
      ...(progressToken !== undefined && {
        onProgress: (progress) => {
          if (!signal.aborted) this.#notify("notifications/progress", { ...progress, progressToken });
        },
      }),
    };
  }

  async #subscribe(uri: string, signal: AbortSignal): Promise<unknown> {
    const known = this.#subscriptions.get(uri);
    const subscription =
      known ??
      this.#client.subscribeResource(
        this.#server,
        uri,
        () => this.#notify("notifications/resources/updated", { uri }),
        { ...this.#options, signal },
      );
    this.#subscriptions.set(uri, subscription);
    try {
      await subscription;
    } catch (error) {
      if (this.#subscriptions.get(uri) === subscription) this.#subscriptions.delete(uri);
      // It may have ended with the request that began it.
      if (known !== undefined && !signal.aborted) return this.#subscribe(uri, signal);
      throw error;
    }
    return {};
  }

  async #unsubscribe(uri: string): Promise<unknown> {
    const subscription = this.#subscriptions.get(uri);
    this.#subscriptions.delete(uri);
    await (await subscription)?.[Symbol.asyncDispose]();
    return {};
  }
}

function text(params: Params | undefined, name: string): string {
  const value = params?.[name];
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return value;
}
