import { type NameOptions, qualifiedName } from "@minion/client";
import { invalidParams } from "./rpc-error.js";
import type { Asking, Entry, ServerLists } from "./server-lists.js";

/** What a qualified name stands for. */
export interface Found {
  readonly server: string;
  readonly own: string;
}

/**
 * Finds the tool or prompt that a qualified name stands for. A plain name says so itself, without any list; one with a
 * hash is looked for in what the servers that may have it have listed before, then in their lists, each of which is waited
 * for by its own deadline only until another has it.
 *
 * @throws ProtocolError -32602 where none has the name
 */
export async function findEntry(
  name: unknown,
  list: "tools" | "prompts",
  lists: ServerLists,
  names: NameOptions,
  asking: Asking,
): Promise<Found> {
  const what = list === "tools" ? "tool" : "prompt";
  if (typeof name !== "string") throw invalidParams(`The name of a ${what} must be a string.`);
  const { prefix = "mcp_", maxLength = 64 } = names;
  const servers = lists.servers();
  for (const server of servers) {
    const start = `${prefix}${server}_`;
    const own = name.startsWith(start) ? name.slice(start.length) : "";
    if (own !== "" && qualifiedName(server, own, names) === name) return { server, own };
  }
  const possible = servers.filter((server) =>
    name.startsWith(`${prefix}${server}_`.replace(/[^A-Za-z0-9_-]/gu, "_").slice(0, maxLength - 9)),
  );
  const known = possible.flatMap((server) => lists.known(server, list, asking) ?? []);
  const listed = known.filter(({ shown }) => shown.name === name);
  if (listed.length > 0) return only(listed, what, name);
  const searches = possible.map(async (server) => {
    const entries = await lists.of(server, list, asking);
    const found = entries.filter(({ shown }) => shown.name === name);
    if (found.length === 0) throw unknownName(what, name);
    return found;
  });
  try {
    return only(await Promise.any(searches), what, name);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    // A server that could not be asked may have it all the same.
    throw error.errors.find((one) => Reflect.get(Object(one), "code") !== -32602) ?? unknownName(what, name);
  }
}

/** Names made of a hash can be equal, however unlikely: calling one of two could be calling the wrong one. */
function only(found: readonly Entry[], what: string, name: string): Entry {
  const [entry] = found;
  if (entry === undefined || found.length > 1) throw unknownName(what, name);
  return entry;
}

/** What a caller is told of a name that there is not, or not for it. */
export function unknownName(what: string, name: string): Error {
  return invalidParams(`Unknown ${what} "${name.slice(0, 100)}". List the ${what}s again: it may have been removed.`);
}
