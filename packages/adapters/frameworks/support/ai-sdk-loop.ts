import { createMCPClient } from "@ai-sdk/mcp";
import { toAiSdkTools } from "@minion/adapters/ai-sdk";
import { generateText, isStepCount, type ToolSet } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { type Loop, never, type Received, type ToolUse } from "./loop.js";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

/** A model that calls a tool once and then says "done". */
export function aiSdkModel({ name, args = {} }: ToolUse): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doGenerate: async ({ prompt }) =>
      prompt.at(-1)?.role === "tool"
        ? { content: [{ type: "text", text: "done" }], finishReason: { unified: "stop", raw: "" }, usage, warnings: [] }
        : {
            content: [{ type: "tool-call", toolCallId: "call-1", toolName: name, input: JSON.stringify(args) }],
            finishReason: { unified: "tool-calls", raw: "" },
            usage,
            warnings: [],
          },
  });
}

async function runTools(tools: ToolSet, use: ToolUse, signal?: AbortSignal): Promise<Received> {
  const model = aiSdkModel(use);
  await generateText({
    model,
    tools,
    prompt: "go",
    stopWhen: isStepCount(3),
    maxRetries: 0,
    ...(signal !== undefined && { abortSignal: signal }),
  });
  const last = model.doGenerateCalls.at(-1)?.prompt.at(-1);
  const part = last?.role === "tool" ? last.content[0] : undefined;
  if (part?.type !== "tool-result") return never();
  return {
    content: part.output,
    isError: part.output.type.startsWith("error"),
    offered: (model.doGenerateCalls[0]?.tools ?? []).map(({ name }) => name),
  };
}

export const aiSdkLoop: Loop = {
  name: "AI SDK",
  run: async (client, use, { adapter, signal } = {}) => runTools(await toAiSdkTools(client, adapter), use, signal),
  own: async (url, retries) => {
    const client = await createMCPClient({
      transport: { type: "http", url },
      ...(retries !== undefined && { maxRetries: retries }),
    });
    const tools = await client.tools();
    return { run: (use) => runTools(tools, use), close: () => client.close() };
  },
};
