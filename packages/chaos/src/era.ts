import type { Faults, LegacyVersion } from "./faults.js";
import { isJsonObject, type JsonObject, objectOf } from "./json.js";

/** The revision without sessions and without `initialize`. */
export const modernVersion = "2026-07-28";

/** The members of `_meta` that the modern revision defines. */
export const metaKeys = {
  version: "io.modelcontextprotocol/protocolVersion",
  capabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscription: "io.modelcontextprotocol/subscriptionId",
} as const;

/** What a server of both eras, or of one, offers: the newest revision first. */
export function supportedVersions(faults: Faults): readonly string[] {
  return faults.protocol === "dual" ? [modernVersion, ...faults.versions] : [modernVersion];
}

/** The revision that a message claims to be of in its `_meta`. */
export function claimedVersion(message: unknown): unknown {
  return objectOf(objectOf(objectOf(message).params)._meta)[metaKeys.version];
}

/**
 * Whether a message is for the modern dialect: it is where it claims a revision in its body or, over HTTP, a modern one
 * in its header, or where nothing else is spoken.
 *
 * @param header the value of `MCP-Protocol-Version`; undefined over stdio
 */
export function isForModern(faults: Faults, message: unknown, header: unknown): boolean {
  if (faults.protocol !== "dual") return faults.protocol === "modern";
  return claimsModern(message) || isModernVersion(header);
}

export function isModernVersion(version: unknown): boolean {
  return typeof version === "string" && version >= modernVersion;
}

function claimsModern(message: unknown): boolean {
  return Array.isArray(message) ? message.some(claimsModern) : claimedVersion(message) !== undefined;
}

/** `initialize` as it would be asked by a client that knows only the offered revisions; other messages unchanged. */
export function pinVersion<T extends JsonObject>(message: T, versions: readonly LegacyVersion[]): T {
  if (message.method !== "initialize" || !isJsonObject(message.params)) return message;
  const asked = message.params.protocolVersion;
  if (versions.some((one) => one === asked)) return message;
  const newest = [...versions].sort().at(-1);
  return newest === undefined ? message : { ...message, params: { ...message.params, protocolVersion: newest } };
}
