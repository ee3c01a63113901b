import { readFile } from "node:fs/promises";
import type { NameOptions } from "@minion/client";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { type FleetConfig, readFleetConfig } from "./fleet-config.js";
import type { GatewayOptions } from "./gateway-options.js";
import { isRecord } from "./is-record.js";
import { type JwtRules, verifyJwt, verifyKeys } from "./tokens.js";

/** What the `gateway` block of a configuration says. */
export interface GatewayConfig {
  readonly options: Omit<GatewayOptions, "client" | "auth">;
  readonly names: NameOptions | undefined;
  readonly auth: AuthConfig | undefined;
  readonly drain: { readonly delayMs?: number | undefined; readonly graceMs?: number | undefined };
  readonly fleet: FleetConfig;
  /** The servers whose entries say `stateful`. */
  readonly stateful: readonly string[];
}

/** Who may come in. */
export type AuthConfig =
  | { readonly type: "keys"; readonly keys: Readonly<Record<string, string>>; readonly resource: string | undefined }
  | (JwtRules & { readonly type: "oauth"; readonly scopes: readonly string[] | undefined });

const blockKeys = [
  "names",
  "tools",
  "prompts",
  "resources",
  "perUser",
  "pageSize",
  "auth",
  "allowedHosts",
  "allowedOrigins",
  "limits",
  "drain",
  "quotas",
  "redis",
];
const laterKeys = ["interactive", "credentials", "sessions"];
const limitKeys = ["maxBodyBytes", "maxConcurrentCalls", "maxStreams", "maxBufferedBytes"];

/**
 * Reads what an mcp.json says of the gateway itself. Its servers are read by the client.
 *
 * @throws Error that names the file and the key
 */
export async function readGatewayConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<GatewayConfig> {
  const content = parseFile(file, await readText(file));
  const block = content.gateway ?? {};
  const fail = (key: string, problem: string): never => {
    throw new Error(`${file}, ${key}: ${problem}`);
  };
  if (!isRecord(block)) return fail("gateway", "it must be an object");
  for (const key of Object.keys(block)) {
    if (laterKeys.includes(key))
      fail(`gateway.${key}`, "this version of the gateway cannot do that yet; remove the key");
    if (!blockKeys.includes(key)) fail(`gateway.${key}`, `the key is unknown; known are ${blockKeys.join(", ")}`);
  }
  const limits = numbersOf(block.limits, limitKeys, (key, problem) => fail(`gateway.limits${key}`, problem));
  const drain = numbersOf(block.drain, ["delayMs", "graceMs"], (key, problem) => fail(`gateway.drain${key}`, problem));
  const { auth, limits: _, drain: __, quotas, redis, ...options } = block;
  return {
    // Checked again, with their names, by the gateway.
    options: { ...options, ...limits },
    names: isRecord(block.names) ? block.names : undefined,
    auth: readAuth(auth, env, (key, problem) => fail(`gateway.auth${key}`, problem)),
    drain,
    fleet: readFleetConfig(quotas, redis, (key, problem) => fail(`gateway.${key}`, problem)),
    stateful: statefulServers(content),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function parseFile(file: string, text: string): Record<string, unknown> {
  const errors: ParseError[] = [];
  const content: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split("\n").length;
    throw new Error(`${file} is not valid JSON: ${printParseErrorCode(first.error)} in line ${line}`);
  }
  if (!isRecord(content)) throw new Error(`${file} must contain an object with mcpServers`);
  return content;
}

function numbersOf(
  value: unknown,
  known: readonly string[],
  fail: (key: string, problem: string) => never,
): Record<string, number> {
  if (value === undefined) return {};
  if (!isRecord(value)) return fail("", "it must be an object");
  const numbers: Record<string, number> = {};
  for (const [key, number] of Object.entries(value)) {
    if (!known.includes(key)) fail(`.${key}`, `the key is unknown; known are ${known.join(", ")}`);
    if (typeof number !== "number" || !(number >= 0) || !Number.isFinite(number))
      fail(`.${key}`, "it must be a number that is not negative");
    else numbers[key] = number;
  }
  return numbers;
}

function readAuth(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  fail: (key: string, problem: string) => never,
): AuthConfig | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) return fail("", "it must be an object");
  const text = (key: string, found: unknown): string =>
    typeof found === "string" && found !== ""
      ? expand(found, env, (why) => fail(key, why))
      : fail(key, "it must be a non-empty string");
  const optional = (key: string): string | undefined =>
    value[key] === undefined ? undefined : text(`.${key}`, value[key]);
  const known = { keys: ["type", "keys", "resource"], oauth: ["type", "issuer", "resource", "scopes", "jwksUri"] };
  if (value.type !== "keys" && value.type !== "oauth") return fail(".type", 'it must be "keys" or "oauth"');
  for (const key of Object.keys(value))
    if (!known[value.type].includes(key))
      fail(`.${key}`, `the key is unknown; known are ${known[value.type].join(", ")}`);
  if (value.type === "keys") {
    if (!isRecord(value.keys) || Object.keys(value.keys).length === 0)
      return fail(".keys", "it must be an object of keys by the names of their principals");
    const keys = Object.entries(value.keys).map(([name, key]) => [name, text(`.keys.${name}`, key)] as const);
    return { type: "keys", keys: Object.fromEntries(keys), resource: optional("resource") };
  }
  const { scopes } = value;
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string")))
    return fail(".scopes", "it must be an array of strings");
  const [issuer, resource] = [text(".issuer", value.issuer), text(".resource", value.resource)];
  return { type: "oauth", issuer, resource, jwksUri: optional("jwksUri"), scopes };
}

/** Secrets stand in the environment, not in the file: `${env:NAME}` and `${NAME}`. */
function expand(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  fail: (problem: string) => never,
): string {
  return text.replace(/\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = env[name];
    return value === undefined || value === "" ? fail(`the environment variable ${name} is not set`) : value;
  });
}

/** The `auth` of a gateway whose own URL is known. */
export function gatewayAuth(auth: AuthConfig, own: string): NonNullable<GatewayOptions["auth"]> {
  if (auth.type === "keys")
    return { verify: verifyKeys(auth.keys), resource: new URL(auth.resource ?? own), authorizationServers: [] };
  return {
    verify: verifyJwt(auth),
    resource: new URL(auth.resource),
    authorizationServers: [new URL(auth.issuer)],
    scopes: auth.scopes,
  };
}

/** The servers that keep state between calls, by any of the keys under which hosts write servers. */
function statefulServers(content: Record<string, unknown>): readonly string[] {
  const places = [content.mcpServers, content.servers, content.context_servers, content.mcp];
  return places.flatMap((place) =>
    isRecord(place)
      ? Object.entries(place).flatMap(([name, entry]) => (isRecord(entry) && entry.stateful === true ? [name] : []))
      : [],
  );
}
