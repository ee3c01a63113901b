import { X509Certificate } from "node:crypto";
import { CircuitBreaker } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { Pool } from "@minion/pool";
import { ConfigError } from "../errors.js";
import { isObject, messageOf } from "../untrusted.js";
import { checkNameOptions } from "./name-options.js";
import { policyOf } from "./policy.js";
import type { ServerConfig, ServerPolicy } from "./server-config.js";
import { checkHeaders } from "./transport-headers.js";

type Rule = readonly [rule: string, holds: (value: unknown) => boolean];

const text: Rule = ["a non-empty string", (value) => typeof value === "string" && value !== ""];
const flag: Rule = ["true or false", (value) => typeof value === "boolean"];
const callback: Rule = ["a function", (value) => typeof value === "function"];
const object: Rule = ["an object", isObject];
const texts: Rule = [
  "a list of texts",
  (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
];
const variables: Rule = ["an object of strings", (value) => isTexts(value, true)];
const count: Rule = [
  "a positive integer or Infinity",
  (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) > 0),
];
const span: Rule = ["a positive number of milliseconds or Infinity", (value) => typeof value === "number" && value > 0];
const finite: Rule = ["a non-negative number of milliseconds", (value) => Number.isFinite(value) && Number(value) >= 0];
const partOrFalse: Rule = ["an object or false", (value) => value === false || isObject(value)];

const protocols: readonly string[] = [
  "auto",
  "2026-07-28",
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
] satisfies NonNullable<ServerPolicy["protocol"]>[];
const policyRules: Readonly<Record<string, Rule>> = {
  stateful: flag,
  maxConnections: count,
  maxCallsPerConnection: count,
  connectTimeoutMs: span,
  callTimeoutMs: span,
  closeTimeoutMs: finite,
  maxMessageBytes: count,
  maxListItems: count,
  outputSchemas: ['"enforce", "report" or "off"', (value) => ["enforce", "report", "off"].includes(String(value))],
  protocol: [`one of ${protocols.join(", ")}`, (value) => protocols.includes(String(value))],
  retry: partOrFalse,
  breaker: partOrFalse,
  pool: object,
  cache: partOrFalse,
  tools: object,
  replicas: ["a list of servers", Array.isArray],
};
const stdioRules: Readonly<Record<string, Rule>> = {
  type: ['"stdio"', (value) => value === "stdio"],
  command: text,
  args: texts,
  env: variables,
  cwd: text,
};
const httpRules: Readonly<Record<string, Rule>> = {
  type: ['"http" or "sse"', (value) => value === "http" || value === "sse"],
  url: ["an http or https URL", isHttpUrl],
  headers: [
    "an object of texts, or a function that resolves to one",
    (value) => typeof value === "function" || isTexts(value, false),
  ],
  authProvider: [
    "an OAuthClientProvider, or a function that gives one",
    (value) => typeof value === "function" || isObject(value),
  ],
  allowedAuthOrigins: ["a list of origins, such as https://auth.example.com", isOrigins],
  proxy: [
    'an http or https URL, "environment" or false',
    (value) => value === false || value === "environment" || isHttpUrl(value),
  ],
  ca: ["one or more certificates in PEM format", isCertificates],
};
const customRules: Readonly<Record<string, Rule>> = { connect: callback };
const retryRules: Readonly<Record<string, Rule>> = { maxAttempts: count, initialDelayMs: finite, maxDelayMs: finite };
/** The values are checked by the parts themselves, apart from those of `retry`. */
const anything: Rule = ["anything", () => true];
const partRules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  retry: retryRules,
  tools: { allow: texts, deny: texts },
  cache: { enabled: anything, ttlMs: anything, staleWhileRevalidateMs: anything, staleIfErrorMs: anything },
  pool: Object.fromEntries(
    [
      "maxIdlePerKey",
      "minIdlePerKey",
      "maxWaitersPerKey",
      "maxLifetimeMs",
      "lifetimeJitter",
      "maxIdleMs",
      "maxUses",
      "validateAfterIdleMs",
      "validateTimeoutMs",
      "maintenanceMs",
      "destroyTimeoutMs",
      "leakThresholdMs",
    ].map((key) => [key, anything]),
  ),
};
const clientRules: Readonly<Record<string, Rule>> = {
  servers: object,
  defaults: object,
  maxTotalConnections: count,
  clientInfo: [
    "an object with name and version",
    (value) => isObject(value) && typeof value.name === "string" && typeof value.version === "string",
  ],
  capabilities: object,
  onServerRequest: callback,
  onEvent: callback,
  names: ["an object with prefix and maxLength", isObject],
  pool: callback,
  cache: callback,
  breaker: callback,
};

/** Throws `TypeError` for a bad option of the client, {@link ConfigError} for a bad server, before anything is made. */
export function checkOptions(options: unknown): void {
  if (!isObject(options)) throw new TypeError(`MinionClient: options must be an object, not ${kindOf(options)}`);
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(clientRules, key) ? clientRules[key] : undefined;
    if (rule === undefined)
      throw new TypeError(
        `MinionClient: there is no option "${key}"; there are ${Object.keys(clientRules).join(", ")}`,
      );
    if (value !== undefined && !rule[1](value))
      throw new TypeError(`MinionClient: ${key} must be ${rule[0]}, not ${shown(value)}`);
  }
  if (isObject(options.names)) checkNameOptions(options.names);
  if (!isObject(options.servers))
    throw new TypeError("MinionClient: servers must be given: an object of servers by name");
  const defaults = isObject(options.defaults) ? options.defaults : {};
  if (defaults.replicas !== undefined)
    throw new ConfigError("replicas belong to one server", { server: "defaults", key: "replicas" });
  // What is wrong for any server is told even where there is none yet.
  checkMembers(defaults, policyRules, "defaults");
  checkPolicy(defaults, "defaults", {});
  for (const [name, config] of Object.entries(options.servers)) checkServer(name, config, defaults);
}

/** Throws {@link ConfigError} that names the server and the key. */
export function checkServer(
  name: string,
  config: unknown,
  defaults: ServerPolicy | undefined,
): asserts config is ServerConfig {
  const known = checkTarget(config, policyRules, name);
  const { stateful = defaults?.stateful, replicas } = known;
  if (stateful === true && Array.isArray(replicas) && replicas.length > 0) {
    const problem = "a stateful server has one connection and cannot have replicas: leave one of the two out";
    throw new ConfigError(problem, { server: name, key: "replicas" });
  }
  for (const [index, replica] of (Array.isArray(replicas) ? replicas : []).entries()) {
    checkTarget(replica, {}, name, `replicas[${index}].`);
  }
  checkPolicy(known, name, defaults);
}

function checkPolicy(config: Record<string, unknown>, server: string, defaults: ServerPolicy | undefined): void {
  for (const [key, rules] of Object.entries(partRules))
    if (isObject(config[key])) checkMembers(config[key], rules, server, `${key}.`);
  checkParts(server, policyOf(Object.assign(Object.create(null), config), defaults));
}

/** The parts know their own rules best: each is asked before anything is made for real. */
function checkParts(server: string, { breaker, cache, maxConnections, pool }: ReturnType<typeof policyOf>): void {
  // Closed before anybody can ask it for anything.
  const create = Promise.reject.bind(Promise);
  const attempts: readonly (readonly [key: string, attempt: () => unknown])[] = [
    ["breaker", () => breaker && new CircuitBreaker(breaker)],
    ["cache", () => new Cache(cache).close()],
    ["pool", () => void new Pool({ ...pool, create, maxPerKey: maxConnections }).close()],
  ];
  for (const [key, attempt] of attempts) {
    try {
      attempt();
    } catch (error) {
      throw new ConfigError(messageOf(error), { server, key, cause: error });
    }
  }
}

/** Checks what says where a server is reached, and `more`. */
function checkTarget(
  config: unknown,
  more: Readonly<Record<string, Rule>>,
  server: string,
  prefix = "",
): Record<string, unknown> {
  if (!isObject(config))
    throw new ConfigError(`it must be an object, not ${kindOf(config)}`, { server, key: prefix || undefined });
  const kinds = [
    ["command", stdioRules],
    ["url", httpRules],
    ["connect", customRules],
  ] as const;
  const matching = kinds.filter(([key]) => config[key] !== undefined);
  const [only] = matching;
  if (only !== undefined && matching.length === 1) {
    checkMembers(config, { ...more, ...only[1] }, server, prefix);
    if (only[0] === "command") checkNoNulls(config, server, prefix);
    if (isObject(config.headers)) checkHeaders(config.headers, server, `${prefix}headers`);
    return config;
  }
  const problem =
    only === undefined
      ? "it needs a command, a url or a connect function"
      : "it has more than one of command, url and connect";
  throw new ConfigError(problem, { server, key: prefix || undefined });
}

/** No program can be given such a text, and what refuses it at the start says the text. */
function checkNoNulls(config: Record<string, unknown>, server: string, prefix: string): void {
  for (const key of Object.keys(stdioRules)) {
    const value = config[key];
    const texts = isObject(value) ? Object.entries(value).flat() : [value].flat();
    if (texts.some((one) => typeof one === "string" && one.includes("\0")))
      throw new ConfigError("it must not have a null character (U+0000) in it", { server, key: prefix + key });
  }
}

function checkMembers(
  value: Record<string, unknown>,
  rules: Readonly<Record<string, Rule>>,
  server: string,
  prefix = "",
): void {
  for (const [key, member] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined)
      throw new ConfigError(`there is no such option; there are ${Object.keys(rules).join(", ")}`, {
        server,
        key: prefix + key,
      });
    if (member !== undefined && !rule[1](member))
      throw new ConfigError(`it must be ${rule[0]}`, { server, key: prefix + key });
  }
}

function isTexts(value: unknown, mayLack: boolean): boolean {
  if (!isObject(value)) return false;
  return Object.values(value).every((one) => typeof one === "string" || (mayLack && one === undefined));
}

function isOrigins(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every((one) => isHttpUrl(one) && new URL(one).href === `${new URL(one).origin}/`)
  );
}

function isCertificates(value: unknown): boolean {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.length > 0 && all.every((one) => typeof one === "string" && isCertificate(one));
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

function isHttpUrl(value: unknown): boolean {
  return typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** What kind of thing a value is: the value itself may be a secret. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : `a ${typeof value}`.replace("a object", "an object");
}

/** Numbers and flags are no secrets. */
function shown(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : kindOf(value);
}
