import { randomUUID } from "node:crypto";
import { CLIENT_CAPABILITIES_META_KEY, type Server, type ServerContext } from "@modelcontextprotocol/server";
import { type AskableCapabilities, askable, sessionCapabilities } from "./host-capabilities.js";

/** How long a host may take to answer one question: a person may be asked. */
const answerTimeoutMs = 600_000;

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

/** The host that a request comes from. */
export function hostOf(era: Host["era"], { mcpReq, http }: ServerContext, server: Server): Host {
  if (era === "modern")
    return { era, capabilities: askable(Reflect.get(Object(mcpReq.envelope), CLIENT_CAPABILITIES_META_KEY)) };
  // Over HTTP the server of one request has seen no handshake.
  const request = http?.req;
  const capabilities =
    request === undefined
      ? askable(server.getClientCapabilities())
      : sessionCapabilities(request.headers.get("mcp-session-id"));
  const ask = ({ method, params }: Question, signal: AbortSignal): Promise<unknown> => {
    const isVisit = method === "elicitation/create" && params?.mode === "url";
    // Only the older revisions have an id for a visit to a page, and need it.
    const sent = isVisit ? { elicitationId: randomUUID(), ...params } : params;
    return mcpReq.send({ method, ...(sent && { params: sent }) }, anything, { signal, timeout: answerTimeoutMs });
  };
  return { era, capabilities, ask };
}
