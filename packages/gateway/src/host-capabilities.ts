import { randomUUID } from "node:crypto";
import type { ClientCapabilities } from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";

/** What a host may be asked in the course of a call. */
export type AskableCapabilities = Pick<ClientCapabilities, "elicitation" | "sampling" | "roots">;

/**
 * What of a host's capabilities a server is told: what it can be asked in the course of a call, and nothing else, since
 * nothing else passes through the gateway. Undefined where that is nothing.
 */
export function askable(declared: unknown): AskableCapabilities | undefined {
  if (!isRecord(declared)) return undefined;
  const { elicitation, sampling, roots } = declared;
  const picked: AskableCapabilities = {
    ...(isRecord(elicitation) && { elicitation: flagsOf(elicitation, ["form", "url"]) }),
    ...(isRecord(sampling) && { sampling: flagsOf(sampling, ["context", "tools"]) }),
    ...(isRecord(roots) && { roots: {} }),
  };
  return Object.keys(picked).length === 0 ? undefined : picked;
}

function flagsOf(declared: Record<string, unknown>, names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.flatMap((name) => (isRecord(declared[name]) ? [[name, {}]] : [])));
}

/**
 * A session id that says what the host can be asked, so that any replica knows it without having seen the handshake. It
 * stands for no state and is no credential: whoever makes one up only declares capabilities of their own.
 */
export function sessionIdOf(capabilities: AskableCapabilities): string {
  return `${Buffer.from(JSON.stringify(capabilities)).toString("base64url")}.${randomUUID()}`;
}

/** What a session id of {@link sessionIdOf} says; undefined for any other. */
export function sessionCapabilities(sessionId: string | null | undefined): AskableCapabilities | undefined {
  if (sessionId == null || sessionId.length > 1_000) return undefined;
  try {
    return askable(JSON.parse(Buffer.from(sessionId.split(".")[0] ?? "", "base64url").toString("utf8")));
  } catch {
    return undefined;
  }
}
