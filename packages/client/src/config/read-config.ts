import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.js";
import { messageOf } from "../text.js";
import { checkServer } from "./check-config.js";
import type { ServerConfig } from "./server-config.js";

/** What an mcp.json says. */
export interface ReadConfig {
  readonly servers: Readonly<Record<string, ServerConfig>>;
  /** Keys that mean something to another host. */
  readonly ignored: readonly { readonly server: string; readonly key: string }[];
}

const ownKeys = new Set([
  "type",
  "command",
  "args",
  "env",
  "cwd",
  "url",
  "headers",
  "authProvider",
  "connect",
  "stateful",
  "maxConnections",
  "maxCallsPerConnection",
  "connectTimeoutMs",
  "callTimeoutMs",
  "closeTimeoutMs",
  "maxMessageBytes",
  "retry",
  "breaker",
  "pool",
  "cache",
  "tools",
  "replicas",
]);
const typeNames: Readonly<Record<string, string>> = {
  stdio: "stdio",
  http: "http",
  sse: "sse",
  "streamable-http": "http",
  streamableHttp: "http",
};

/**
 * Reads an mcp.json: `mcpServers` as Claude Desktop and Cursor have it, or `servers` as VS Code has it.
 *
 * @throws ConfigError that names the file, the server and the key or the unset variable
 */
export async function readConfig(config: string | URL | object): Promise<ReadConfig> {
  const isFile = typeof config === "string" || config instanceof URL;
  const file = isFile ? pathOf(config) : undefined;
  const content: unknown = file === undefined ? config : parse(await read(file), file);
  if (!isObject(content)) throw new ConfigError("it must be an object with mcpServers", { file });
  const entries = content.mcpServers ?? content.servers;
  if (!isObject(entries))
    throw new ConfigError('it has no "mcpServers" (or "servers") object', { file, key: "mcpServers" });
  const servers: [name: string, config: ServerConfig][] = [];
  const ignored: { server: string; key: string }[] = [];
  for (const [server, entry] of Object.entries(entries)) {
    if (!isObject(entry)) throw new ConfigError("it must be an object", { file, server });
    if (entry.disabled === true || entry.enabled === false) continue;
    const own: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(entry)) {
      if (ownKeys.has(key)) own[key] = expand(value, { file, server, key });
      else if (key !== "disabled" && key !== "enabled") ignored.push({ server, key });
    }
    if (typeof own.type === "string") own.type = typeNames[own.type] ?? own.type;
    // GitHub Copilot writes a list of names.
    if (Array.isArray(own.tools)) own.tools = { allow: own.tools };
    servers.push([server, toServerConfig(own, { file, server })]);
  }
  // A server may be called `__proto__`, which cannot be assigned.
  return { servers: Object.fromEntries(servers), ignored };
}

interface Place {
  readonly file: string | undefined;
  readonly server: string;
}

/** What is wrong with an entry is told with the file that it stands in. */
function toServerConfig(entry: Record<string, unknown>, { file, server }: Place): ServerConfig {
  const config: unknown = entry;
  try {
    checkServer(server, config, {});
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problem, { file, server, key: error.key, cause: error.cause });
  }
}

function pathOf(file: string | URL): string {
  if (typeof file === "string" && !file.startsWith("file:")) return file;
  try {
    return fileURLToPath(file);
  } catch (error) {
    throw new ConfigError("it is no URL of a file", { file: String(file), cause: error });
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`it cannot be read: ${messageOf(error)}`, { file, cause: error });
  }
}

/** JSON, and JSON with comments and trailing commas, as editors let people write it. */
function parse(text: string, file: string): unknown {
  const plain = text.replace(/^\uFEFF/, "");
  try {
    return JSON.parse(plain);
  } catch (error) {
    try {
      // Strings are matched first, so that nothing inside them is taken for a comment or a comma.
      const withoutComments = plain.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, "$1");
      return JSON.parse(withoutComments.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, "$1"));
    } catch {
      throw new ConfigError(`it is no JSON: ${messageOf(error)}`, { file, cause: error });
    }
  }
}

/** Every text in `value` with its variables replaced. */
function expand(value: unknown, place: Place & { readonly key: string }): unknown {
  if (typeof value === "string") return expandText(value, place);
  if (Array.isArray(value)) return value.map((one) => expand(one, place));
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, expand(inner, { ...place, key: `${place.key}.${key}` })]),
  );
}

function expandText(text: string, { file, server, key }: Place & { readonly key: string }): string {
  return text.replace(/\$\{([^}]*)\}/g, (whole, reference: string) => {
    const [, name, fallback] = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(reference) ?? [];
    if (name === undefined) {
      const problem = `${whole} cannot be replaced: only \${NAME}, \${NAME:-default} and \${env:NAME} can`;
      throw new ConfigError(problem, { file, server, key });
    }
    // As in a shell: the default stands for an empty variable too.
    const value = process.env[name] || (fallback ?? process.env[name]);
    if (value !== undefined) return value;
    throw new ConfigError(`the environment variable ${name} is not set: set it, or write \${${name}:-default}`, {
      file,
      server,
      key,
    });
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
