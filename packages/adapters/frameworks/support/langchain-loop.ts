import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { loadMcpTools } from "@langchain/mcp-adapters";
import { toLangChainTools } from "@minion/adapters/langchain";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { createAgent } from "langchain";
import { type Loop, never, type Received, type ToolUse } from "./loop.js";

/** What LangChain kept of a result besides what the model reads. */
export interface LangChainReceived extends Received {
  readonly artifact: unknown;
}

async function runTools(
  tools: StructuredToolInterface[],
  { name, args = {} }: ToolUse,
  signal?: AbortSignal,
): Promise<LangChainReceived> {
  const model = fakeModel()
    .respondWithTools([{ name, args, id: "call-1" }])
    .respond(new AIMessage("done"));
  const agent = createAgent({ model, tools });
  await agent.invoke({ messages: [{ role: "user", content: "go" }] }, { ...(signal !== undefined && { signal }) });
  const last = model.calls.at(-1)?.messages.at(-1);
  if (!ToolMessage.isInstance(last)) return never();
  return {
    content: last.content,
    isError: last.status === "error",
    offered: tools.map((tool) => tool.name),
    artifact: last.artifact,
  };
}

export const langChainLoop = {
  name: "LangChain",
  run: async (client, use, { adapter, signal } = {}) => runTools(await toLangChainTools(client, adapter), use, signal),
  own: async (url) => {
    const client = new Client({ name: "own", version: "1.0.0" });
    // The SDK's own transport does not fit its own interface under exactOptionalPropertyTypes.
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Parameters<Client["connect"]>[0]);
    const tools = await loadMcpTools("chaos", client);
    return { run: (use) => runTools(tools, use), close: () => client.close() };
  },
} satisfies Loop;
