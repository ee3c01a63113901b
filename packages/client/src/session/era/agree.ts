import type { Cancellation } from "../../cancellation.js";
import type { ProtocolVersion } from "../../config/server-config.js";
import { isObject } from "../../untrusted.js";
import { Failure } from "../failure.js";
import { isNoEndpoint } from "../http/status-failure.js";
import { forget } from "../quietly.js";
import type { Dialect } from "./dialect.js";
import { LegacyDialect } from "./legacy.js";
import { greetingFrom, ModernDialect, type ModernOptions } from "./modern.js";
import { headerMismatch, isRpc, missingCapability, supportedIn } from "./protocol-errors.js";
import { eraOf, legacyVersions, modernVersion } from "./protocol-versions.js";

const methodNotFound = -32601;
const invalidParams = -32602;
/** A server that has not said so long what it speaks may be one of those that answer nothing before their handshake. */
const maxSilenceMs = 5_000;

/**
 * When a server whose revision is not pinned is greeted as the older revisions have it: where it refuses to be asked
 * (`if-refused`), where it refuses that by a JSON-RPC message, since without one another transport may be there
 * (`if-answered`), or without being asked (`at-once`).
 */
export type Greets = "if-refused" | "if-answered" | "at-once";

/** What is needed to agree with a server upon a revision. */
export interface AgreeOptions extends ModernOptions {
  readonly protocol: "auto" | ProtocolVersion;
  readonly connectTimeoutMs: number;
  readonly greets: Greets;
  readonly signal: Cancellation;
}

/**
 * Agrees with a server upon the revision that is spoken: the newest that both know. A server of which nothing is known is
 * asked by `server/discover`, which one of an older revision refuses; what it is, is remembered. Rejects with a `Failure`.
 */
export async function agree(options: AgreeOptions): Promise<Dialect> {
  const { kind, memory, protocol, signal } = options;
  // HTTP+SSE exists only in the revisions with a handshake.
  if (kind === "sse" && protocol === "auto") return await handshake(options);
  if (protocol !== "auto") return await agreeUpon(protocol, options);
  const end = await memory.eraTurn.take(signal);
  try {
    const dialect = await ask(options);
    memory.noteEra(eraOf(dialect.greeting.protocolVersion));
    return dialect;
  } finally {
    end();
  }
}

async function agreeUpon(protocol: ProtocolVersion, options: AgreeOptions): Promise<Dialect> {
  if (eraOf(protocol) === "legacy") return await handshake(options, protocol);
  const dialect = options.kind === "sse" ? "legacy" : (remembered(options) ?? (await discover(options)));
  if (dialect !== "legacy") return dialect;
  const problem = `the server does not speak MCP revision ${protocol}, the only one that its policy allows`;
  throw new Failure("connect", problem, { delivery: "not-sent" });
}

async function ask(options: AgreeOptions): Promise<Dialect> {
  const { greets, memory } = options;
  if (memory.era !== "legacy" && !memory.startsWithHandshake && greets !== "at-once")
    return (memory.era && remembered(options)) ?? (await probe(options));
  try {
    return await handshake(options);
  } catch (error) {
    // One that was greeted in vain may speak the modern revision: it says so, or it was replaced since and is asked.
    const saysSo = error instanceof Failure && supportedIn(error)?.includes(modernVersion) === true;
    if (!saysSo && !(memory.era === "legacy" && isUnknownTo(error))) throw error;
    const found = await discover(options).catch(() => "legacy" as const);
    if (found === "legacy") throw error;
    return found;
  }
}

/** Whether a server refuses a handshake as one does that has never heard of any. */
function isUnknownTo(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return (error.isPlain && isNoEndpoint(error)) || isRpc(error, methodNotFound) || isRpc(error, invalidParams);
}

/** A server without sessions need not be asked for each connection. */
function remembered(options: AgreeOptions): ModernDialect | undefined {
  const greeting = options.kind === "http" ? options.memory.greetingFor(options.principal) : undefined;
  return greeting && new ModernDialect(options, greeting);
}

async function probe(options: AgreeOptions): Promise<Dialect> {
  const discovering = discover(options);
  forget(discovering);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), maxSilenceMs);
  });
  const first = await Promise.race<Dialect | "legacy" | "late">([discovering, late]).finally(() => clearTimeout(timer));
  if (first === "legacy") return await handshake(options);
  if (first !== "late") return first;
  // Whichever is answered first decides; an answer to the question may still come, from a server that was slow to start.
  let isModern = false;
  const older: Promise<Dialect> = handshake(options, undefined, () => !isModern);
  const newer = discovering.then((found): Dialect | Promise<Dialect> => {
    if (found === "legacy") return older;
    isModern = true;
    return found;
  });
  return await Promise.any([newer, older]).catch(() => older);
}

function handshake(
  options: AgreeOptions,
  version?: string,
  isWanted: () => boolean = () => true,
): Promise<LegacyDialect> {
  const { channel, wire, clientInfo, capabilities, connectTimeoutMs, memory } = options;
  const parts = { channel, wire, clientInfo, capabilities, connectTimeoutMs, memory };
  return LegacyDialect.open({ ...parts, version, isWanted });
}

/** Asks a server. Rejects where the answer says nothing about its era, so that nothing is remembered of it. */
async function discover(options: AgreeOptions): Promise<ModernDialect | "legacy"> {
  for (let attempt = 1; ; attempt++) {
    let result: unknown;
    try {
      result = await ModernDialect.discover(options);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const supported = supportedIn(error);
      // A server may refuse the first request in a revision that it then names as its own.
      if (supported?.includes(modernVersion) === true && attempt === 1) continue;
      return judge(error, supported, options);
    }
    if (!isObject(result) || !Array.isArray(result.supportedVersions)) return "legacy";
    const versions = result.supportedVersions.filter((one) => typeof one === "string");
    if (!versions.includes(modernVersion)) return legacyAmong(versions);
    const greeting = greetingFrom(result);
    options.memory.noteGreeting(options.principal, greeting);
    return new ModernDialect(options, greeting);
  }
}

/** What a refusal says about the era; throws it where that is nothing. */
function judge(failure: Failure, supported: readonly string[] | undefined, options: AgreeOptions): "legacy" {
  const { kind, status = 0 } = failure;
  if (supported !== undefined) return legacyAmong(supported);
  if (isRpc(failure, headerMismatch) || isRpc(failure, missingCapability)) throw failure;
  if (kind === "rpc" || kind === "invalid-result") return "legacy";
  // A server that wants credentials names them. Without a challenge it may miss a session, or not allow the question: the handshake will tell.
  if (kind === "http" && (status === 401 || status === 403) && failure.challenge?.text === undefined) return "legacy";
  if (kind === "http" && [401, 403, 407, 429].includes(status)) throw failure;
  if (options.greets === "if-answered" && failure.isPlain && isNoEndpoint(failure)) throw failure;
  if (kind === "http" && status >= 300 && status < 500) return "legacy";
  const isTrouble = (kind === "http" && status >= 500) || (kind === "closed" && options.kind === "http");
  // A server in trouble says nothing; one of an older revision that fails so at every unknown request does, in time.
  if (!isTrouble || !options.memory.failedAtQuestion()) throw failure;
  return "legacy";
}

function legacyAmong(supported: readonly string[]): "legacy" {
  if (supported.length === 0 || supported.some((one) => legacyVersions.includes(one))) return "legacy";
  const versions = supported
    .slice(0, 10)
    .map((one) => one.slice(0, 50))
    .join(", ");
  const known = [modernVersion, ...legacyVersions].join(", ");
  throw new Failure("connect", `the server speaks MCP revisions ${versions}, and this client ${known}`, {
    delivery: "not-sent",
  });
}
