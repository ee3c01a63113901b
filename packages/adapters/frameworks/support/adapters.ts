import type { AdapterOptions, ToolSource } from "@minion/adapters/ai-sdk";
import { toAiSdkTools } from "@minion/adapters/ai-sdk";
import { toAnthropicTools } from "@minion/adapters/anthropic";
import { toLangChainTools } from "@minion/adapters/langchain";
import { toOpenAiServer } from "@minion/adapters/openai-agents";
import { asSchema } from "ai";

/** A tool as an adapter made it, in the same form for all frameworks. */
export interface MadeTool {
  readonly name: string;
  /** The schema object itself, as the framework may write into it. */
  readonly schema: object;
  /** Calls it without an agent. Rejects, or resolves with what the framework is handed. */
  call(args: Record<string, unknown>): Promise<unknown>;
}

/** Every adapter of tools: what it makes of a client at this moment. */
export const adapters: Readonly<
  Record<string, (client: ToolSource, options?: AdapterOptions) => Promise<readonly MadeTool[]>>
> = {
  "ai-sdk": async (client, options) =>
    Promise.all(
      Object.entries(await toAiSdkTools(client, options)).map(async ([name, tool]) => ({
        name,
        schema: await asSchema(tool.inputSchema).jsonSchema,
        call: async (args: Record<string, unknown>) =>
          tool.execute?.(args, { toolCallId: "call-1", messages: [], context: {} }),
      })),
    ),
  "openai-agents": async (client, options) => {
    const server = toOpenAiServer(client, options);
    return (await server.listTools()).map(({ name, inputSchema }) => ({
      name,
      schema: inputSchema ?? {},
      call: (args) => server.callTool(name, args),
    }));
  },
  langchain: async (client, options) =>
    (await toLangChainTools(client, options)).map((tool) => ({
      name: tool.name,
      schema: tool.schema as object,
      call: (args) => tool.invoke(args),
    })),
  anthropic: async (client, options) =>
    (await toAnthropicTools(client, options)).map((tool) => ({
      name: tool.name,
      schema: "input_schema" in tool ? tool.input_schema : {},
      call: async (args) => tool.run(args),
    })),
};
