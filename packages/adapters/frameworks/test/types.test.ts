import type { MCPTransport } from "@ai-sdk/mcp";
import type Anthropic from "@anthropic-ai/sdk";
import type { toAiSdkTools } from "@minion/adapters/ai-sdk";
import type { toAnthropicTools } from "@minion/adapters/anthropic";
import type { toLangChainTools } from "@minion/adapters/langchain";
import type { toOpenAiServer } from "@minion/adapters/openai-agents";
import type { McpTransport } from "@minion/adapters/transport";
import type { Transport as TransportV2 } from "@modelcontextprotocol/client";
import type { Transport as TransportV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Agent } from "@openai/agents";
import type { generateText, ToolSet } from "ai";
import type { createAgent, DynamicStructuredTool } from "langchain";
import { expectTypeOf, test } from "vitest";

type Made<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>;

test("types: what each adapter makes is what its framework takes", () => {
  expectTypeOf<Made<typeof toAiSdkTools>>().toEqualTypeOf<ToolSet>();
  expectTypeOf<Made<typeof toAiSdkTools>>().toExtend<
    NonNullable<Parameters<typeof generateText<ToolSet>>[0]["tools"]>
  >();
  expectTypeOf<Made<typeof toOpenAiServer>>().toExtend<Agent["mcpServers"][number]>();
  expectTypeOf<Made<typeof toLangChainTools>>().toExtend<DynamicStructuredTool[]>();
  expectTypeOf<Made<typeof toLangChainTools>>().toExtend<
    NonNullable<NonNullable<Parameters<typeof createAgent>[0]>["tools"]>
  >();
  expectTypeOf<Made<typeof toAnthropicTools>>().toExtend<
    Parameters<Anthropic["beta"]["messages"]["toolRunner"]>[0]["tools"]
  >();
  expectTypeOf<McpTransport>().toExtend<TransportV1>();
  expectTypeOf<McpTransport>().toExtend<TransportV2>();
  expectTypeOf<McpTransport>().toExtend<MCPTransport>();
});
