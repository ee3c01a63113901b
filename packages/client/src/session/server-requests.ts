import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";

/** Answers what a server asks of its client. */
export type ServerRequestHandler = (method: string, params: unknown, signal: AbortSignal) => Promise<unknown>;

/** Has `handler` answer those requests of the server that `capabilities` allow it. */
export function answerServerRequests(
  client: Client,
  capabilities: ClientCapabilities,
  handler: ServerRequestHandler,
): void {
  const answer = async (
    request: { readonly method: string; readonly params?: unknown },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Record<string, unknown>> => ResultSchema.parse(await handler(request.method, request.params, signal));
  if (capabilities.elicitation !== undefined) client.setRequestHandler(ElicitRequestSchema, answer);
  if (capabilities.sampling !== undefined) client.setRequestHandler(CreateMessageRequestSchema, answer);
  if (capabilities.roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, answer);
}
