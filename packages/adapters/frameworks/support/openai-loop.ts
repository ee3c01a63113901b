import { toOpenAiServer } from "@minion/adapters/openai-agents";
import {
  Agent,
  type MCPServer,
  MCPServerStreamableHttp,
  type Model,
  type ModelRequest,
  Runner,
  Usage,
} from "@openai/agents";
import { type Loop, never, type Received, type ToolUse } from "./loop.js";

/** A model that calls a tool once and then says "done", and what it was asked. */
export function openAiModel({ name, args = {} }: ToolUse): { readonly model: Model; readonly asked: ModelRequest[] } {
  const asked: ModelRequest[] = [];
  const model: Model = {
    getResponse: async (request) => {
      asked.push(request);
      const isFirst = asked.length === 1;
      return {
        usage: new Usage(),
        output: isFirst
          ? [{ type: "function_call", callId: "call-1", name, arguments: JSON.stringify(args), status: "completed" }]
          : [
              {
                type: "message",
                role: "assistant",
                status: "completed",
                content: [{ type: "output_text", text: "done" }],
              },
            ],
      };
    },
    getStreamedResponse: () => never(),
  };
  return { model, asked };
}

export async function runServer(server: MCPServer, use: ToolUse, signal?: AbortSignal): Promise<Received> {
  const { model, asked } = openAiModel(use);
  const agent = new Agent({ name: "tester", model, mcpServers: [server] });
  const runner = new Runner({ tracingDisabled: true });
  await runner.run(agent, "go", { ...(signal !== undefined && { signal }) });
  const input = asked.at(-1)?.input;
  const last = typeof input === "object" ? input.at(-1) : undefined;
  if (last?.type !== "function_call_result") return never();
  return { content: last.output, isError: false, offered: (asked[0]?.tools ?? []).map((tool) => tool.name) };
}

export const openAiLoop: Loop = {
  name: "OpenAI Agents",
  run: (client, use, { adapter, signal } = {}) => runServer(toOpenAiServer(client, adapter), use, signal),
  own: async (url) => {
    const server = new MCPServerStreamableHttp({ url });
    await server.connect();
    return { run: (use) => runServer(server, use), close: () => server.close() };
  },
};
