import type { CallOptions, MinionClient } from "@minion/client";
import { MissingRequiredClientCapabilityError, ProtocolError } from "@modelcontextprotocol/server";
import type { Host } from "./host.js";
import { isRecord } from "./is-record.js";

/** The methods in the course of which a server may ask its client something. */
export const interactiveMethods: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

/** Each of these calls of a server has a connection of its own, and may wait for a person. */
const maxCallsPerServer = 100;
/** How long such a call may take in all, however much is asked in it. */
const maxTotalMs = 21_600_000;

const firstModern = "2026-07-28";

/** A request as it goes on to a server. */
export interface OutgoingRequest {
  readonly server: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/**
 * Makes a call of a server that may ask the host something, and tells the server what the host can be asked.
 *
 * Between a host and a server of revision 2026-07-28 questions and answers are parts of results and calls, and pass as they
 * are. Otherwise the call has a connection of its own, so that whatever is asked on it is asked in this call.
 *
 * @throws MissingRequiredClientCapabilityError -32021 where a server of an older revision asks a host of 2026-07-28: its
 * question would have to wait here for an answer that can come to another replica
 */
export async function interactiveCall(
  client: MinionClient,
  { server, method, params }: OutgoingRequest,
  options: CallOptions,
  host: Host,
): Promise<unknown> {
  const { capabilities } = host;
  if (capabilities === undefined) return client.request(server, method, params, options);
  const { principal, signal } = options;
  if (host.era === "modern" && (await isModern(client, server, options)))
    return client.request(server, method, params, { ...options, capabilities });
  const refused = new AbortController();
  using _place = takePlace(client, server);
  await using session = await client.session(server, {
    principal,
    signal,
    capabilities,
    onServerRequest: async ({ method: asked, params: what }, { signal: unwanted }) => {
      if (host.era === "legacy") return host.ask({ method: asked, ...(isRecord(what) && { params: what }) }, unwanted);
      refused.abort(cannotAsk(server, asked));
      throw refused.signal.reason;
    },
  });
  return await session.request(method, params, {
    ...options,
    signal: AbortSignal.any(signal === undefined ? [refused.signal] : [refused.signal, signal]),
    // People take their time; how long is bounded for each question.
    pauseTimeoutOnServerRequest: true,
    maxTotalTimeoutMs: maxTotalMs,
  });
}

const calls = new WeakMap<MinionClient, Map<string, number>>();

/** Counts a call of a server until it is disposed. Throws where there are too many. */
function takePlace(client: MinionClient, server: string): Disposable {
  const own = calls.get(client) ?? new Map<string, number>();
  calls.set(client, own);
  const count = own.get(server) ?? 0;
  if (count >= maxCallsPerServer) {
    const details = { code: "ERR_GATEWAY_BUSY", server, delivery: "not-sent", retryAfterMs: 1_000 };
    throw new ProtocolError(
      -32603,
      `Server "${server}" is in ${count} calls that may wait for people already.`,
      details,
    );
  }
  own.set(server, count + 1);
  return { [Symbol.dispose]: () => void own.set(server, (own.get(server) ?? 1) - 1) };
}

async function isModern(client: MinionClient, server: string, { principal, signal }: CallOptions): Promise<boolean> {
  const known = client.status().find(({ name }) => name === server)?.protocol;
  const protocol = known ?? (await client.serverInfo(server, { principal, signal })).protocol;
  return protocol !== undefined && protocol >= firstModern;
}

function cannotAsk(server: string, method: string): Error {
  const [kind = ""] = method.split("/");
  return new MissingRequiredClientCapabilityError(
    { requiredCapabilities: { [kind]: {} } },
    `Server "${server}" asked for ${method} in the way of an older revision of MCP, which cannot be passed to a client of ${firstModern}. Connect with revision 2025-11-25.`,
  );
}
