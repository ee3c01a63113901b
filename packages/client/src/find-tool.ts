import type { CallOptions } from "./config/call-options.js";
import { ToolNotFoundError } from "./errors.js";
import { toTools } from "./lists/cached-list.js";
import type { Catalog, QualifiedTool } from "./lists/catalog.js";
import { mayBelongTo, pairOf } from "./lists/qualified-name.js";
import type { Server } from "./server.js";
import { shortName } from "./untrusted.js";

/** A tool, found by its qualified name. */
export interface FoundTool {
  readonly server: string;
  readonly tool: string;
}

/**
 * Finds the tool that a qualified name stands for. A plain name says so itself; one with a hash is looked up in the lists
 * that were seen last, so that it stays known while a list cannot be had, and only then asked for.
 *
 * @throws ToolNotFoundError where no tool has the name, or several have it
 */
export async function findTool(
  name: string,
  servers: readonly Server[],
  catalog: Catalog,
  options: CallOptions,
): Promise<FoundTool> {
  if (typeof name !== "string") throw new TypeError("MinionClient: a qualified name must be a string");
  const pair = pairOf(name, catalog.names);
  if (pair !== undefined && servers.some((server) => server.name === pair.server)) return pair;
  const possible = servers.filter((server) => mayBelongTo(name, server.name, catalog.names));
  const known = onlyOne(name, seen(name, possible, catalog, options.principal));
  if (known !== undefined) return known;
  const found = await search(name, possible, catalog, options);
  // Others may have been listed meanwhile.
  const tool = onlyOne(name, [...seen(name, possible, catalog, options.principal), ...found]);
  if (tool === undefined) throw new ToolNotFoundError(name, pair?.server);
  return tool;
}

/** The tools of this name in the lists that were seen last. */
function seen(
  name: string,
  servers: readonly Server[],
  catalog: Catalog,
  principal: string | undefined,
): readonly QualifiedTool[] {
  return servers.flatMap((server) =>
    server.lists.lastTools(principal).flatMap((list) => catalog.named(name, server.name, toTools(list))),
  );
}

/** Asks the servers for their tools: the first that has one of this name is enough, and none of the others is waited for. */
async function search(
  name: string,
  servers: readonly Server[],
  catalog: Catalog,
  { signal, timeoutMs, principal }: CallOptions,
): Promise<readonly QualifiedTool[]> {
  const searches = servers.map(async (server) => {
    const list = await server.lists.get("tools", { signal, timeoutMs, principal });
    const found = catalog.named(name, server.name, toTools(list));
    if (found.length === 0) throw new ToolNotFoundError(name, server.name);
    return found;
  });
  try {
    return await Promise.any(searches);
  } catch {
    // A server that could not be asked may have it all the same.
    for (const one of await Promise.allSettled(searches))
      if (one.status === "rejected" && !(one.reason instanceof ToolNotFoundError)) throw one.reason;
    return [];
  }
}

/** Throws where several different tools have the name: calling one of them could be calling the wrong one. */
function onlyOne(name: string, tools: readonly QualifiedTool[]): FoundTool | undefined {
  const [first] = tools;
  const other = tools.find(({ server, tool }) => server !== first?.server || tool !== first.tool);
  if (first === undefined || other === undefined) return first;
  const [one, two] = [first, other].map(({ server, tool }) => `"${shortName(tool)}" of server "${shortName(server)}"`);
  throw new ToolNotFoundError(
    name,
    undefined,
    `The qualified name "${shortName(name)}" stands for more than one tool: ${one} and ${two}. Neither was called: call it by its server and its own name.`,
  );
}
