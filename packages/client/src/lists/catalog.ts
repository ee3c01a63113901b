import type { Tool } from "@modelcontextprotocol/sdk/types.js";
import type { NameOptions } from "../config/name-options.js";
import { shortName } from "../untrusted.js";
import { hasHash, qualifiedName } from "./qualified-name.js";

/** A tool with the server that has it, its own name, and the name under which it is told apart from all others. */
export interface QualifiedTool extends Tool {
  readonly server: string;
  /** Its name on its server. */
  readonly tool: string;
  /** `mcp_<server>_<tool>`, for `callQualified`. */
  readonly name: string;
}

/** The tools of all servers, and the servers that could not be asked. */
export interface ToolCatalog {
  /** Frozen, and the same array as before where nothing has changed. */
  readonly tools: readonly QualifiedTool[];
  readonly failures: readonly ServerFailure[];
}

/** What became of a warm-up. */
export interface ConnectReport {
  /** The names of the servers to which a connection is open. */
  readonly connected: readonly string[];
  readonly failures: readonly ServerFailure[];
}

/** Why a server was left out. */
export interface ServerFailure {
  readonly server: string;
  readonly error: unknown;
}

/** The list of one server, with qualified names. */
interface Part {
  readonly tools: readonly QualifiedTool[];
  /** The tools whose names carry a hash: only such a name can be another tool's too. */
  readonly hashed: readonly QualifiedTool[];
}

/**
 * Gives the tools of several servers qualified names. What is made of a list is kept as long as the list, which is
 * frozen, so that asking again costs next to nothing.
 */
export class Catalog {
  readonly names: NameOptions;
  readonly #onShared: (tool: QualifiedTool, message: string) => void;
  readonly #parts = new WeakMap<readonly Tool[], Part>();
  #last: { readonly parts: readonly Part[]; readonly tools: readonly QualifiedTool[] } = { parts: [], tools: [] };

  /** `onShared` is told of each tool that is left out because other tools have its name too. */
  constructor(names: NameOptions, onShared: (tool: QualifiedTool, message: string) => void) {
    this.names = names;
    this.#onShared = onShared;
  }

  /** The tools of all lists. A name that two of them share stands for neither: both are left out and told. */
  merge(lists: readonly { readonly server: string; readonly tools: readonly Tool[] }[]): readonly QualifiedTool[] {
    const parts = lists.map(({ server, tools }) => this.#part(server, tools));
    const last = this.#last;
    if (parts.length === last.parts.length && parts.every((part, index) => part === last.parts[index]))
      return last.tools;
    const shared = sharedNames(parts);
    const all = parts.flatMap(({ tools }) => tools);
    const tools = Object.freeze(shared.size === 0 ? all : all.filter(({ name }) => !shared.has(name)));
    for (const same of shared.values()) for (const tool of same) this.#onShared(tool, sharedMessage(tool, same));
    this.#last = { parts, tools };
    return tools;
  }

  /** The tools of a list that have a name with a hash. */
  named(name: string, server: string, tools: readonly Tool[]): readonly QualifiedTool[] {
    return this.#part(server, tools).hashed.filter((tool) => tool.name === name);
  }

  #part(server: string, tools: readonly Tool[]): Part {
    const known = this.#parts.get(tools);
    if (known !== undefined) return known;
    const qualified = tools.map((tool) =>
      Object.freeze({ ...tool, server, tool: tool.name, name: qualifiedName(server, tool.name, this.names) }),
    );
    const part = { tools: Object.freeze(qualified), hashed: qualified.filter(({ name }) => hasHash(name)) };
    this.#parts.set(tools, part);
    return part;
  }
}

/** The names that several tools have, with those tools. */
function sharedNames(parts: readonly Part[]): ReadonlyMap<string, readonly QualifiedTool[]> {
  const byName = new Map<string, QualifiedTool[]>();
  for (const { hashed } of parts) {
    for (const tool of hashed) {
      const same = byName.get(tool.name);
      if (same === undefined) byName.set(tool.name, [tool]);
      else same.push(tool);
    }
  }
  for (const [name, same] of byName) if (same.length === 1) byName.delete(name);
  return byName;
}

function sharedMessage(tool: QualifiedTool, same: readonly QualifiedTool[]): string {
  const other = same.find((one) => one !== tool);
  return `tool "${shortName(other?.tool)}" of server "${shortName(other?.server)}" has the same qualified name, ${tool.name}: neither is listed`;
}
