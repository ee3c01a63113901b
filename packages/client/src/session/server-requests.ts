import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  type RequestId,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Exchanges } from "./exchanges.js";

/** Answers what a server asks of its client. */
export type ServerRequestHandler = (method: string, params: unknown, signal: AbortSignal) => Promise<unknown>;

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
  ): Promise<Record<string, unknown>> =>
    ResultSchema.parse(await handler(method, exchanges.takeRequest(requestId), signal));
  const { elicitation, sampling, roots } = capabilities;
  if (elicitation !== undefined) client.setRequestHandler(ElicitRequestSchema, answer);
  if (sampling !== undefined) client.setRequestHandler(CreateMessageRequestSchema, answer);
  if (roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, answer);
  exchanges.keepRequests(["elicitation/create", "sampling/createMessage", "roots/list"]);
}
