import type { CallOptions, MinionClient } from "@minion/client";
import { ProtocolError } from "@modelcontextprotocol/server";
import { type Found, findEntry, unknownName } from "./find-entry.js";
import { type GatewaySettings, isAllowed } from "./gateway-options.js";
import type { Host } from "./host.js";
import { interactiveCall, interactiveMethods } from "./interactive-call.js";
import { isRecord } from "./is-record.js";
import { pageOf } from "./pages.js";
import { paramMismatch } from "./param-headers.js";
import { quotaRefusal } from "./quota-refusal.js";
import { serverUri } from "./resource-uri.js";
import { rewriteErrorData, rewriteResult } from "./rewrite-result.js";
import { invalidParams, methodNotFound, rpcError } from "./rpc-error.js";
import type { Asking, ListName, ServerLists } from "./server-lists.js";

type Progress = Parameters<NonNullable<CallOptions["onProgress"]>>[0];

/** A request as it came in, and for whom. */
export interface Incoming {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly principal: string | undefined;
  readonly host: Host;
  /** Aborts when the caller wants no answer any more; undefined where callers cannot say so. */
  readonly signal: AbortSignal | undefined;
  /** Passes a notification of progress to the caller; undefined where the caller asked for none. */
  readonly onProgress: ((progress: Progress) => void) | undefined;
  /** Those of the HTTP request. */
  readonly headers: Headers | undefined;
}

/** A request as it goes on to a server. */
interface Outgoing {
  readonly server: string;
  readonly params: Record<string, unknown>;
}

const listsByMethod: Readonly<Record<string, ListName>> = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

/** How long a caller may keep a list that is whole: the servers behind say nothing that holds for all of them. */
const listTtlMs = 5_000;

/** How long a call waits for the schema of its tool, where that is not known yet. */
const schemaMs = 1_000;

/** Answers the requests of all callers: lists from all servers, everything else by the server that its name stands for. */
export class Router {
  readonly #client: MinionClient;
  readonly #settings: GatewaySettings;
  readonly #lists: ServerLists;

  constructor(settings: GatewaySettings, lists: ServerLists) {
    this.#client = settings.client;
    this.#settings = settings;
    this.#lists = lists;
  }

  /**
   * Resolves with the result as the server sent it, but for names and URIs. `onServer` is told which server it is for.
   *
   * @throws ProtocolError as the caller is to get it
   */
  async answer(incoming: Incoming, onServer: (server: string) => void): Promise<Record<string, unknown>> {
    const list = Object.hasOwn(listsByMethod, incoming.method) ? listsByMethod[incoming.method] : undefined;
    if (list !== undefined) return this.#list(list, incoming);
    let server = "";
    try {
      const outgoing = await this.#outgoing(incoming);
      server = outgoing.server;
      onServer(server);
      await this.#checkQuota(incoming, outgoing);
      const result = await this.#send(incoming, outgoing);
      if (!isRecord(result))
        throw new ProtocolError(-32603, `Server "${server}" answered with a result that is not an object.`);
      if (incoming.host.era === "legacy" && result.resultType === "input_required") throw needsInput(server);
      return withoutEra(rewriteResult(incoming.method, result, server));
    } catch (error) {
      const { code, message, data } = rpcError(error, server);
      throw new ProtocolError(code, message, rewriteErrorData(incoming.method, data, server));
    }
  }

  #send(incoming: Incoming, outgoing: Outgoing): Promise<unknown> {
    const { method, host } = incoming;
    const { server } = outgoing;
    const { _meta: _, ...params } = outgoing.params;
    const options = this.#options(incoming, server);
    if (this.#settings.interactive.includes(server) && interactiveMethods.has(method))
      return interactiveCall(this.#client, { server, method, params }, options, host);
    return this.#client.request(server, method, params, options);
  }

  async #list(list: ListName, { params, principal, signal }: Incoming): Promise<Record<string, unknown>> {
    const { entries, unavailable } = await this.#lists.merged(list, { principal, signal });
    const { items, nextCursor } = pageOf(list, entries, params.cursor, this.#settings.pageSize);
    return {
      [list]: items.map(({ shown }) => shown),
      ...(nextCursor !== undefined && { nextCursor }),
      ttlMs: unavailable.length > 0 ? 0 : listTtlMs,
      cacheScope: "private",
      ...(unavailable.length > 0 && { _meta: { "minion/unavailable": unavailable } }),
    };
  }

  /** The server that a request is for, and its params as that server has them. */
  async #outgoing(incoming: Incoming): Promise<Outgoing> {
    const { method, params } = incoming;
    switch (method) {
      case "tools/call":
        return this.#named("tools", incoming, params, (name) => ({ ...params, name }));
      case "prompts/get":
        return this.#named("prompts", incoming, params, (name) => ({ ...params, name }));
      case "resources/read":
        return this.#located(params, (uri) => ({ ...params, uri }));
      case "completion/complete": {
        const ref = params.ref;
        if (!isRecord(ref)) throw invalidParams("The ref of a completion must be an object.");
        if (ref.type === "ref/prompt")
          return this.#named("prompts", incoming, ref, (name) => ({ ...params, ref: { ...ref, name } }));
        return this.#located(ref, (uri) => ({ ...params, ref: { ...ref, uri } }));
      }
      default:
        throw methodNotFound();
    }
  }

  async #named(
    list: "tools" | "prompts",
    { principal, signal, host, headers, params }: Incoming,
    { name }: Readonly<Record<string, unknown>>,
    withName: (own: string) => Record<string, unknown>,
  ): Promise<Outgoing> {
    const { server, own } = await findEntry(name, list, this.#lists, this.#settings.names, { principal, signal });
    if (!isAllowed(this.#settings[list], server, own))
      throw unknownName(list === "tools" ? "tool" : "prompt", String(name));
    if (list === "tools" && host.era === "modern" && headers !== undefined)
      await this.#checkHeaders({ server, own }, params.arguments, headers, { principal, signal });
    return { server, params: withName(own) };
  }

  /** @throws ProtocolError -32020 where a header says something else than the argument that it repeats */
  async #checkHeaders({ server, own }: Found, args: unknown, headers: Headers, asking: Asking): Promise<void> {
    const known = this.#lists.known(server, "tools", asking);
    const tools = known ?? (await this.#lists.of(server, "tools", { ...asking, timeoutMs: schemaMs }).catch(() => []));
    const tool = tools.find((entry) => entry.own === own);
    const mismatch = tool && paramMismatch(tool.shown.inputSchema, args, headers);
    if (mismatch === undefined) return;
    const { header, body } = mismatch;
    throw new ProtocolError(-32020, `The header ${header} does not agree with the arguments: ${body}.`, { mismatch });
  }

  #located({ uri }: Readonly<Record<string, unknown>>, withUri: (own: string) => Record<string, unknown>): Outgoing {
    if (typeof uri !== "string") throw invalidParams("The uri must be a string.");
    const found = serverUri(uri, this.#lists.servers());
    if (found === undefined || !isAllowed(this.#settings.resources, found.server, found.uri))
      throw unknownName("resource", uri);
    return { server: found.server, params: withUri(found.uri) };
  }

  #options({ method, params, principal, signal, onProgress, headers }: Incoming, server: string): CallOptions {
    const traceparent = headers?.get("traceparent");
    // The client numbers the progress of its own calls.
    const { progressToken: _, ...given } = isRecord(params._meta) ? params._meta : {};
    const passed = { ...(traceparent != null && { traceparent }), ...given };
    return {
      signal,
      onProgress,
      principal: this.#lists.principalFor(server, principal),
      ...(method !== "tools/call" && { idempotent: true }),
      ...(Object.keys(passed).length > 0 && { meta: passed }),
    };
  }

  async #checkQuota({ method, principal }: Incoming, { server, params }: Outgoing): Promise<void> {
    const { quota } = this.#settings;
    if (quota === undefined || method !== "tools/call") return;
    let retryAfterMs: number | undefined;
    try {
      const decision = await quota({ principal, server, tool: String(params.name) });
      if (!decision.ok) retryAfterMs = decision.retryAfterMs;
    } catch {
      // What is wrong with the quota is not the caller's business.
      throw new ProtocolError(-32603, "Internal error");
    }
    if (retryAfterMs !== undefined) throw quotaRefusal(server, retryAfterMs);
  }
}

/** A server of revision 2026-07-28 has asked something, and there is nobody whom it may ask. */
function needsInput(server: string): ProtocolError {
  const message = `Server "${server}" needs input. The gateway passes questions of servers that its "interactive" option names to hosts that declare that they answer them.`;
  return new ProtocolError(-32603, message, { code: "ERR_MCP_INPUT_REQUIRED", server, delivery: "sent" });
}

/** A result without what only says in which era its server answered: the caller may be of the other. */
function withoutEra(result: Record<string, unknown>): Record<string, unknown> {
  if (result.resultType !== "complete") return result;
  const { resultType: _, ...rest } = result;
  return rest;
}
