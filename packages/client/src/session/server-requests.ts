import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  type RequestId,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestContext } from "../config/client-options.js";
import type { CallOrigin } from "./connection.js";
import type { Exchanges } from "./exchanges.js";

/** Answers what a server asks of its client. */
export type ServerRequestHandler = (method: string, params: unknown, context: ServerRequestContext) => Promise<unknown>;

/**
 * Runs what answers a server in one of the calls given. Where there is more than one, none of them is told, and the clocks
 * of all of them stop meanwhile, since any may be the one that waits.
 */
export async function answerIn<T>(
  calls: readonly CallOrigin[],
  answer: (call: ServerRequestContext["call"]) => Promise<T>,
): Promise<T> {
  const [only] = calls;
  const resumes = calls.map((call) => call.pause());
  try {
    return await answer(
      only !== undefined && calls.length === 1 ? { method: only.method, target: only.target } : undefined,
    );
  } finally {
    for (const resume of resumes) resume();
  }
}

/** Has `handler` answer those requests of the server that `capabilities` allow it. */
export function answerServerRequests(
  client: Client,
  exchanges: Exchanges,
  capabilities: ClientCapabilities,
  handler: ServerRequestHandler,
): void {
  const answer = async (
    { method }: { readonly method: string },
    { signal, requestId }: { readonly signal: AbortSignal; readonly requestId: RequestId },
  ): Promise<Record<string, unknown>> => {
    const asked = exchanges.takeRequest(requestId);
    const answered = await answerIn(exchanges.callsFor(asked), (call) =>
      handler(method, asked?.params, { signal, call }),
    );
    return ResultSchema.parse(answered);
  };
  const { elicitation, sampling, roots } = capabilities;
  if (elicitation !== undefined) client.setRequestHandler(ElicitRequestSchema, answer);
  if (sampling !== undefined) client.setRequestHandler(CreateMessageRequestSchema, answer);
  if (roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, answer);
  exchanges.keepRequests(["elicitation/create", "sampling/createMessage", "roots/list"]);
}
