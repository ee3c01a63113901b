import { randomUUID } from "node:crypto";
import { CLIENT_CAPABILITIES_META_KEY, type Server, type ServerContext } from "@modelcontextprotocol/server";
import { type AskableCapabilities, askable } from "./host-capabilities.js";

/** How long a host may take to answer one question: a person may be asked. */
export const answerTimeoutMs = 600_000;

/** What a server asks of a host in the course of a call. */
export interface Question {
  readonly method: string;
  readonly params?: Record<string, unknown> | undefined;
}

/** The program that calls the gateway, as far as servers can ask it something in the course of one call. */
export type Host =
  /** Revision 2026-07-28: a question is a result, and its answer a call of its own. */
  | { readonly era: "modern"; readonly capabilities: AskableCapabilities | undefined }
  /** Older revisions: a question is a request on the stream of the call. */
  | {
      readonly era: "legacy";
      readonly capabilities: AskableCapabilities | undefined;
      readonly ask: (question: Question, signal: AbortSignal) => Promise<unknown>;
    };

/** Takes any answer as it is. */
const anything = {
  "~standard": { version: 1, vendor: "minion", validate: (value: unknown) => ({ value }) },
} as const;

/** The host that a request to a server of the SDK comes from. */
export function hostOf(era: Host["era"], { mcpReq }: ServerContext, server: Server): Host {
  if (era === "modern")
    return { era, capabilities: askable(Reflect.get(Object(mcpReq.envelope), CLIENT_CAPABILITIES_META_KEY)) };
  const ask = (question: Question, signal: AbortSignal): Promise<unknown> =>
    mcpReq.send(legacyQuestion(question), anything, { signal, timeout: answerTimeoutMs });
  return { era, capabilities: askable(server.getClientCapabilities()), ask };
}

/** A question as the older revisions have it: only they have an id for a visit to a page, and need it. */
export function legacyQuestion({ method, params }: Question): { method: string; params?: Record<string, unknown> } {
  if (params === undefined) return { method };
  const isVisit = method === "elicitation/create" && params.mode === "url";
  return { method, params: isVisit ? { elicitationId: randomUUID(), ...params } : params };
}
