import { ConfigError } from "../errors.js";
import { isObject } from "../untrusted.js";
import type { Overwritten } from "./config-file.js";

/** A value that a file asks its user for (VS Code). */
export interface ConfigInput {
  readonly id: string;
  readonly description: string | undefined;
}

/** The servers of a configuration as its host wrote them. */
export interface ConfigEntries {
  readonly entries: ReadonlyMap<string, unknown>;
  /** The names that are there more than once. */
  readonly repeated: ReadonlySet<string>;
  readonly inputs: readonly ConfigInput[];
  /** Whether the file as a whole switches a server off (Gemini's `mcp.allowed` and `mcp.excluded`). */
  readonly isExcluded: (server: string) => boolean;
}

const placeKeys: ReadonlySet<string> = new Set(["mcpServers", "servers", "mcp.servers", "context_servers"]);
const settingKeys = new Set(["allowed", "excluded", "inputs", "servers", "serverCommand"]);

/**
 * Finds the servers: `mcpServers`, `servers` (VS Code), `mcp.servers` (VS Code's settings), `context_servers` (Zed) or
 * `mcp` (OpenCode). Where a file has several of them, all are read; a name that is there twice counts where it is first, and the
 * last one in the same place.
 *
 * @throws ConfigError that names the keys of the file where there is none of them
 */
export function configEntries(
  content: unknown,
  { file, overwritten }: { readonly file: string | undefined; readonly overwritten: Overwritten },
): ConfigEntries {
  if (!isObject(content)) throw new ConfigError("it must be an object with mcpServers", { file });
  const { mcp } = content;
  const settings = isObject(mcp) ? mcp : {};
  const places: readonly (readonly [key: string, value: unknown])[] = [
    ["mcpServers", content.mcpServers],
    ["servers", content.servers],
    ["mcp.servers", content["mcp.servers"]],
    ["mcp.servers", isServer(settings.servers) ? undefined : settings.servers],
    ["context_servers", content.context_servers],
    ["mcp", openCodeServers(mcp)],
    ...(overwritten.get(content) ?? []).filter(([key, value]) => placeKeys.has(key) && isObject(value)),
  ];
  const found = places.filter(([, value]) => value !== undefined && value !== null);
  if (found.length === 0) {
    const keys = Object.keys(content)
      .slice(0, 20)
      .map((key) => `"${key.slice(0, 100)}"`);
    const has = keys.length === 0 ? "nothing" : keys.join(", ");
    throw new ConfigError(
      `it has no servers in a known place ("mcpServers", "servers", "mcp", "context_servers"); it has ${has}`,
      { file, key: "mcpServers" },
    );
  }
  const entries = new Map<string, unknown>();
  const repeated = new Set<string>();
  for (const [key, value] of found) {
    if (!isObject(value)) throw new ConfigError("it must be an object of servers by name", { file, key });
    for (const [name] of overwritten.get(value) ?? []) repeated.add(name);
    for (const [name, entry] of Object.entries(value)) {
      if (entries.has(name)) repeated.add(name);
      else entries.set(name, entry);
    }
  }
  const allowed = names(settings.allowed);
  const excluded = names(settings.excluded);
  return {
    entries,
    repeated,
    inputs: [...inputs(content.inputs), ...inputs(settings.inputs)],
    isExcluded: (server) => excluded?.includes(server) === true || allowed?.includes(server) === false,
  };
}

/** OpenCode's `mcp` holds the servers themselves; that of other hosts holds settings and, perhaps, `servers`. */
function openCodeServers(mcp: unknown): Record<string, unknown> | undefined {
  if (!isObject(mcp)) return undefined;
  const members = Object.entries(mcp);
  const holdsServers = members.length === 0 || members.some(([, value]) => isServer(value));
  return holdsServers
    ? Object.fromEntries(members.filter(([key]) => !settingKeys.has(key) || isServer(mcp[key])))
    : undefined;
}

function isServer(value: unknown): boolean {
  return isObject(value) && ["command", "url"].some((key) => key in value && !isObject(value[key]));
}

function inputs(value: unknown): ConfigInput[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((input: unknown) =>
    isObject(input) && typeof input.id === "string"
      ? [{ id: input.id, description: typeof input.description === "string" ? input.description : undefined }]
      : [],
  );
}

function names(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
