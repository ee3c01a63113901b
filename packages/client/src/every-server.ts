import type { CallOptions, ListOptions } from "./config/call-options.js";
import { toTools } from "./lists/cached-list.js";
import type { Catalog, ConnectReport, ServerFailure, ToolCatalog } from "./lists/catalog.js";
import type { Server } from "./server.js";
import type { ServerSelection } from "./servers.js";

/** Asks several servers side by side: one that fails is reported and hurts no other. Rejects with `signal.reason`. */
async function askEach<T>(
  { servers, broken }: ServerSelection,
  signal: AbortSignal | undefined,
  ask: (server: Server) => Promise<T>,
): Promise<{ readonly values: readonly (readonly [Server, T])[]; readonly failures: readonly ServerFailure[] }> {
  const outcomes = await Promise.allSettled(servers.map(ask));
  if (signal?.aborted) throw signal.reason;
  const values: [Server, T][] = [];
  const failures: ServerFailure[] = broken.map(({ name, error }) => ({ server: name, error }));
  for (const [index, server] of servers.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === "fulfilled") values.push([server, outcome.value]);
    else failures.push({ server: server.name, error: outcome?.reason });
  }
  return { values, failures };
}

/** The tools of several servers under their qualified names. */
export async function listToolsOfEach(
  selection: ServerSelection,
  catalog: Catalog,
  options: ListOptions,
): Promise<ToolCatalog> {
  const { values, failures } = await askEach(selection, options.signal, (server) => server.lists.get("tools", options));
  const tools = catalog.merge(values.map(([{ name }, list]) => ({ server: name, tools: toTools(list) })));
  return { tools, failures };
}

/** Opens a connection to each of several servers. */
export async function connectToEach(
  selection: ServerSelection,
  { signal, timeoutMs }: Pick<CallOptions, "signal" | "timeoutMs">,
): Promise<ConnectReport> {
  const { values, failures } = await askEach(selection, signal, (server) => {
    const within = { signal, timeoutMs: timeoutMs ?? server.policy.connectTimeoutMs };
    return server.withConnection(within, async (_, lease) => lease.release());
  });
  return { connected: values.map(([{ name }]) => name), failures };
}
