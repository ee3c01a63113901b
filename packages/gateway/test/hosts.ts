import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  type ElicitResult,
  ListRootsRequestSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import type { AnyClient } from "./support.js";

/** What a host of these tests declares that it answers. */
export const everything = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** How a host answers. */
export interface Answers {
  /** Stands in each answer. */
  readonly who: string;
  /** What the user says. Default: the name, at once. */
  readonly elicit?: (params: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<ElicitResult>;
}

function answersOf({ who, elicit }: Answers) {
  return {
    elicit: async (params: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<ElicitResult> => {
      if (elicit !== undefined) return elicit(params, signal);
      return params.mode === "url" ? { action: "accept" } : { action: "accept", content: { answer: who } };
    },
    sample: () => ({ role: "assistant", content: { type: "text", text: who }, model: "m" }) as const,
    roots: () => ({ roots: [{ uri: `file:///${who}`, name: who }] }),
  };
}

/** A host of SDK v1 that answers. */
export async function legacyHost(to: string | Transport, answers: Answers): Promise<AnyClient> {
  const { elicit, sample, roots } = answersOf(answers);
  const client = new LegacyClient({ name: "test", version: "1" }, { capabilities: everything });
  client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => elicit({ ...params }, signal));
  client.setRequestHandler(CreateMessageRequestSchema, sample);
  client.setRequestHandler(ListRootsRequestSchema, roots);
  await client.connect(typeof to === "string" ? new LegacyHttp(new URL(to)) : to);
  onTestFinished(() => client.close());
  return {
    request: (method, params, options) => client.request({ method, params: params ?? {} }, ResultSchema, options),
    close: () => client.close(),
  };
}

/** A host of SDK v2 in the modern era, which answers by calling again. */
export async function modernHost(url: string, answers: Answers): Promise<AnyClient> {
  const { elicit, sample, roots } = answersOf(answers);
  const client = new ModernClient(
    { name: "test", version: "1" },
    { capabilities: everything, versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  client.setRequestHandler("elicitation/create", ({ params }, { mcpReq }) => elicit({ ...params }, mcpReq.signal));
  client.setRequestHandler("sampling/createMessage", sample);
  client.setRequestHandler("roots/list", roots);
  await client.connect(new ModernHttp(new URL(url)));
  onTestFinished(() => client.close());
  return {
    request: async (method, params) => {
      if (method !== "tools/call") throw new Error("Only tools are called here");
      return Object(await client.callTool({ name: String(params?.name), arguments: Object(params?.arguments) }));
    },
    close: () => client.close(),
  };
}
