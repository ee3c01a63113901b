import { readFile } from "node:fs/promises";
import type { NameOptions } from "@minion/client";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { type AuthConfig, readAuth, readCredentials } from "./auth-config.js";
import type { CredentialRule } from "./credentials.js";
import { type FleetConfig, readFleetConfig } from "./fleet-config.js";
import type { GatewayOptions } from "./gateway-options.js";
import { isRecord } from "./is-record.js";

/** What the `gateway` block of a configuration says. */
export interface GatewayConfig {
  readonly options: Omit<GatewayOptions, "client" | "auth" | "audit">;
  /** Whether a line of each request goes to stderr. */
  readonly audit: boolean;
  readonly names: NameOptions | undefined;
  readonly auth: AuthConfig | undefined;
  readonly credentials: Readonly<Record<string, CredentialRule>>;
  readonly drain: { readonly delayMs?: number | undefined; readonly graceMs?: number | undefined };
  readonly fleet: FleetConfig;
  /** The servers whose entries say `stateful`. */
  readonly stateful: readonly string[];
}

const blockKeys = [
  "names",
  "tools",
  "prompts",
  "resources",
  "perUser",
  "interactive",
  "pageSize",
  "auth",
  "credentials",
  "audit",
  "allowedHosts",
  "allowedOrigins",
  "limits",
  "drain",
  "quotas",
  "redis",
];
const laterKeys = ["sessions"];
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
  if (block.names !== undefined && !isRecord(block.names)) fail("gateway.names", "it must be an object");
  const limits = numbersOf(block.limits, limitKeys, (key, problem) => fail(`gateway.limits${key}`, problem));
  const drain = numbersOf(block.drain, ["delayMs", "graceMs"], (key, problem) => fail(`gateway.drain${key}`, problem));
  const { auth, credentials, audit = false, limits: _, drain: __, quotas, redis, ...options } = block;
  if (typeof audit !== "boolean") fail("gateway.audit", "it must be true or false");
  return {
    // Checked again, with their names, by the gateway.
    options: { ...options, ...limits },
    names: isRecord(block.names) ? block.names : undefined,
    auth: readAuth(auth, env, (key, problem) => fail(`gateway.auth${key}`, problem)),
    credentials: readCredentials(credentials, env, (key, problem) => fail(`gateway.credentials${key}`, problem)),
    audit: audit === true,
    drain,
    fleet: readFleetConfig(quotas, redis, (key, problem) => fail(`gateway.${key}`, problem)),
    stateful: statefulServers(content),
  };
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    // As the client reads it: some programs on Windows write UTF-16, which its byte order mark tells.
    const mark = bytes.subarray(0, 2).toString("hex");
    const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
    return new TextDecoder(encoding).decode(bytes);
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function parseFile(file: string, text: string): Record<string, unknown> {
  if (text.trim() === "") throw new Error(`${file} is empty`);
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

/** The servers that keep state between calls, by any of the keys under which hosts write servers. */
function statefulServers(content: Record<string, unknown>): readonly string[] {
  const { mcp } = content;
  const nested = [content["mcp.servers"], isRecord(mcp) ? mcp.servers : undefined];
  const places = [content.mcpServers, content.servers, ...nested, content.context_servers, mcp];
  return places.flatMap((place) =>
    isRecord(place)
      ? Object.entries(place).flatMap(([name, entry]) => (isRecord(entry) && entry.stateful === true ? [name] : []))
      : [],
  );
}
