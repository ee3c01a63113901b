import type { ConfigHost } from "./config-file.js";

/** Keys of an entry that say what to show, what to ask or what to watch, and nothing of how the server is reached. */
export const silentKeys: ReadonlySet<string> = new Set([
  "alwaysAllow",
  "alwaysLoad",
  "autoApprove",
  "description",
  "dev",
  "disabled",
  "enabled",
  "gallery",
  "icon",
  "name",
  "source",
  "title",
  "trust",
  "version",
  "watchPaths",
]);

const withoutIt = "it is ignored: calls go out without it";
const whyIgnored: Readonly<Record<string, string>> = {
  auth: `${withoutIt}; give authProvider or headers in code, or a token in headers`,
  authProviderType: `${withoutIt}; give authProvider or headers in code, or a token in headers`,
  headersHelper: `${withoutIt}; give headers as a function in code`,
  oauth: `${withoutIt}; give authProvider or headers in code, or a token in headers`,
  sandbox: "it is ignored: the server runs with the rights of this process",
  sandboxEnabled: "it is ignored: the server runs with the rights of this process",
  timeout: "it is ignored: hosts differ on its unit; say options.host, or write callTimeoutMs in milliseconds",
};

/** What follows from a key that is ignored. */
export function whyIsIgnored(key: string): string {
  if (Object.hasOwn(whyIgnored, key)) return whyIgnored[key] ?? "";
  if (/tool/i.test(key)) return "it is ignored: no tool is left out because of it; write tools: { allow, deny }";
  if (/timeout/i.test(key)) return "it is ignored; write callTimeoutMs or connectTimeoutMs in milliseconds";
  return "it is not a key that is known here, and is ignored";
}

/** Milliseconds of one unit of `timeout`, for the hosts that say what the unit is. */
export const timeoutUnitMs: Readonly<Partial<Record<ConfigHost, number>>> = {
  "amazon-q": 1,
  "claude-code": 1,
  cline: 1_000,
  gemini: 1,
  opencode: 1,
  roo: 1_000,
};

/** Keys that are this package's own, which an entry may hold beside those of other hosts. They are taken as they are. */
export const ownKeys: ReadonlySet<string> = new Set([
  "allowedAuthOrigins",
  "authProvider",
  "breaker",
  "ca",
  "cache",
  "callTimeoutMs",
  "closeTimeoutMs",
  "connect",
  "connectTimeoutMs",
  "maxCallsPerConnection",
  "maxConnections",
  "maxListItems",
  "maxMessageBytes",
  "outputSchemas",
  "pool",
  "protocol",
  "proxy",
  "retry",
  "stateful",
]);
