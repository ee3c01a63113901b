import { ConfigError } from "../errors.js";
import { isObject } from "../untrusted.js";
import type { ConfigHost } from "./config-file.js";
import { ownKeys, silentKeys, timeoutUnitMs, whyIsIgnored } from "./entry-keys.js";
import type { ToolFilter } from "./server-config.js";
import { transportHeaders } from "./transport-headers.js";

/** An entry with the words of this package in place of its host's. No variable is replaced yet. */
export interface EntryShape {
  readonly type: "stdio" | "http" | "sse" | undefined;
  readonly command: string | undefined;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string | undefined>;
  readonly envFile: string | undefined;
  readonly cwd: string | undefined;
  readonly url: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly replicas: readonly unknown[] | undefined;
  /** Members that are this package's own, as they were written; `headers` among them where it is a function. */
  readonly own: Readonly<Record<string, unknown>>;
  readonly ignored: readonly { readonly key: string; readonly why: string }[];
}

/** Keys that say how a server is reached and which of its tools there are. */
export const targetKeys: ReadonlySet<string> = new Set([
  ...["type", "transport", "transportType", "command", "args", "env", "environment", "envFile", "cwd"],
  ...["url", "serverUrl", "httpUrl", "headers", "replicas"],
  ...["tools", "includeTools", "excludeTools", "disabledTools"],
]);
const typeNames: Readonly<Record<string, EntryShape["type"] | "any">> = {
  stdio: "stdio",
  local: "stdio",
  http: "http",
  streamablehttp: "http",
  sse: "sse",
  remote: "any",
};

/**
 * Reads an entry as any host writes it.
 *
 * @throws ConfigError that names the key, and never repeats a value
 */
export function entryShape(entry: Record<string, unknown>, host: ConfigHost | undefined): EntryShape {
  // What was to be switched off must not run because it was said in other words.
  for (const key of ["disabled", "enabled"])
    if (typeof (entry[key] ?? false) !== "boolean") throw new ConfigError("it must be true or false", { key });
  const nested = isObject(entry.transport) ? entry.transport : {};
  const all: Record<string, unknown> = { ...nested, ...entry };
  const program = isObject(all.command) ? all.command : undefined;
  const commandLine = Array.isArray(all.command) ? stringList(all.command, "command") : undefined;
  const args = stringList(program?.args ?? all.args ?? [], "args");
  const { url, isStreamable } = urlOf(all);
  const timeoutMs = timeoutOf(all.timeout, host);
  const tools = toolFilterOf(all);
  const headers = typeof all.headers === "function" ? new Map<string, string>() : headersOf(all.headers);
  return {
    type: typeOf(all, nested) ?? (isStreamable ? "http" : undefined),
    command:
      commandLine?.[0] ??
      optionalString(
        program?.path ?? (program === undefined && commandLine === undefined ? all.command : undefined),
        "command",
      ),
    args: [...(commandLine?.slice(1) ?? []), ...args],
    env: new Map([
      ...variables(all.environment, "environment"),
      ...variables(program?.env, "command.env"),
      ...variables(all.env, "env"),
    ]),
    envFile: optionalString(all.envFile, "envFile"),
    cwd: optionalString(all.cwd, "cwd"),
    url,
    headers,
    replicas: replicasOf(all.replicas),
    own: {
      ...(typeof all.headers === "function" && { headers: all.headers }),
      ...(timeoutMs !== undefined && { callTimeoutMs: timeoutMs }),
      ...Object.fromEntries(Object.entries(entry).filter(([key]) => ownKeys.has(key))),
      ...(tools !== undefined && { tools }),
    },
    ignored: [...ignoredOf(entry, timeoutMs !== undefined), ...ignoredHeaders(headers)],
  };
}

function typeOf(all: Record<string, unknown>, nested: Record<string, unknown>): EntryShape["type"] {
  for (const [key, value] of [
    ["type", all.type],
    ["transport", isObject(all.transport) ? nested.type : all.transport],
    ["transportType", all.transportType],
  ] as const) {
    if (value === undefined || value === null) continue;
    const name = typeof value === "string" ? value.toLowerCase().replace(/[-_]/g, "") : "";
    const type = Object.hasOwn(typeNames, name) ? typeNames[name] : undefined;
    if (type === undefined)
      throw new ConfigError('it must be "stdio", "http" or "sse" (or a name that hosts give to one of them)', { key });
    // "remote" leaves open how the server is spoken to, as a URL alone does.
    return type === "any" ? undefined : type;
  }
  return undefined;
}

/** Gemini's `httpUrl` is streamable HTTP; `url` beside it is the same server by the older transport. */
function urlOf(all: Record<string, unknown>): { readonly url: string | undefined; readonly isStreamable: boolean } {
  const httpUrl = optionalString(all.httpUrl, "httpUrl");
  const url = httpUrl ?? optionalString(all.url, "url") ?? optionalString(all.serverUrl, "serverUrl");
  return { url, isStreamable: httpUrl !== undefined };
}

function timeoutOf(timeout: unknown, host: ConfigHost | undefined): number | undefined {
  const unit = host === undefined ? undefined : timeoutUnitMs[host];
  if (timeout === undefined || timeout === null || unit === undefined) return undefined;
  if (typeof timeout !== "number" || !(timeout > 0) || !Number.isFinite(timeout))
    throw new ConfigError("it must be a positive number", { key: "timeout" });
  return timeout * unit;
}

/** A filter that cannot be read must not let through what it was to keep out. */
function toolFilterOf(all: Record<string, unknown>): ToolFilter | undefined {
  const own = isObject(all.tools) ? all.tools : undefined;
  const unknown = Object.keys(own ?? {}).find((key) => key !== "allow" && key !== "deny");
  if (unknown !== undefined)
    throw new ConfigError("it must be a list of names, or an object with allow and deny", { key: "tools" });
  const allowed = [
    ["tools", own === undefined ? all.tools : own.allow],
    ["includeTools", all.includeTools],
  ] as const;
  const denied = [
    ["tools", own?.deny],
    ["excludeTools", all.excludeTools],
    ["disabledTools", all.disabledTools],
  ] as const;
  const allow = lists(allowed).reduce<readonly string[] | undefined>(bothAllow, undefined);
  const deny = lists(denied).flat();
  if (allow === undefined && deny.length === 0) return undefined;
  return { ...(allow !== undefined && { allow }), ...(deny.length > 0 && { deny }) };
}

function lists(members: readonly (readonly [key: string, value: unknown])[]): string[][] {
  return members.flatMap(([key, value]) => (value === undefined || value === null ? [] : [stringList(value, key)]));
}

function bothAllow(one: readonly string[] | undefined, other: readonly string[]): readonly string[] {
  if (one === undefined || one.includes("*")) return other;
  return other.includes("*") ? one : one.filter((name) => other.includes(name));
}

function ignoredOf(entry: Record<string, unknown>, hasTimeout: boolean): EntryShape["ignored"] {
  return Object.entries(entry)
    .filter(([key, value]) => {
      if (silentKeys.has(key) || targetKeys.has(key) || ownKeys.has(key) || /^(_|\$|\/\/)/.test(key)) return false;
      // What is switched off or left empty asks for nothing.
      if (value === false || value === null || (isObject(value) && Object.keys(value).length === 0)) return false;
      return !(key === "timeout" && hasTimeout);
    })
    .map(([key]) => ({ key, why: whyIsIgnored(key) }));
}

function ignoredHeaders(headers: ReadonlyMap<string, string>): EntryShape["ignored"] {
  return [...headers.keys()]
    .filter((name) => transportHeaders.has(name.toLowerCase()))
    .map((name) => ({ key: `headers.${name}`, why: "it is ignored: the transport alone gives this header" }));
}

/** Texts by name; numbers and booleans become text, null takes an inherited variable away. */
function variables(value: unknown, key: string): [name: string, value: string | undefined][] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw new ConfigError("it must be an object of strings", { key });
  return Object.entries(value).map(([name, one]) => [name, one === null ? undefined : scalar(one, `${key}.${name}`)]);
}

function headersOf(value: unknown): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, one] of variables(value, "headers")) if (one !== undefined) headers.set(name, one);
  return headers;
}

function replicasOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null || Array.isArray(value)) return value ?? undefined;
  throw new ConfigError("it must be a list of servers", { key: "replicas" });
}

function scalar(value: unknown, key: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new ConfigError("it must be a string, a number or a boolean", { key });
}

function optionalString(value: unknown, key: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new ConfigError("it must be a non-empty string", { key });
}

function stringList(value: unknown, key: string): string[] {
  if (!Array.isArray(value)) throw new ConfigError("it must be a list of strings", { key });
  return value.map((one, index) => scalar(one, `${key}[${index}]`));
}
