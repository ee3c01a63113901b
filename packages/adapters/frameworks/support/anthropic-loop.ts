import Anthropic from "@anthropic-ai/sdk";
import { mcpTools } from "@anthropic-ai/sdk/helpers/beta/mcp";
import type { BetaRunnableTool } from "@anthropic-ai/sdk/lib/tools/BetaRunnableTool";
import { toAnthropicTools } from "@minion/adapters/anthropic";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type Loop, never, type Received, type ToolUse } from "./loop.js";

interface Body {
  readonly tools: readonly { readonly name: string }[];
  readonly messages: readonly { readonly content: readonly unknown[] }[];
}

interface ToolResultBlock {
  readonly type: string;
  readonly content: unknown;
  readonly is_error?: boolean;
}

/** An Anthropic client whose model calls a tool once and then says "done", and the bodies it was sent. */
export function anthropicModel({ name, args = {} }: ToolUse): { readonly anthropic: Anthropic; readonly sent: Body[] } {
  const sent: Body[] = [];
  const anthropic = new Anthropic({
    apiKey: "none",
    fetch: async (_url, init) => {
      sent.push(JSON.parse(String(init?.body)));
      const content =
        sent.length === 1
          ? [{ type: "tool_use", id: "call-1", name, input: args }]
          : [{ type: "text", text: "done", citations: null }];
      const message = {
        id: `message-${sent.length}`,
        type: "message",
        role: "assistant",
        model: "mock",
        content,
        stop_reason: sent.length === 1 ? "tool_use" : "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      };
      return new Response(JSON.stringify(message), { headers: { "content-type": "application/json" } });
    },
  });
  return { anthropic, sent };
}

async function runTools(
  tools: BetaRunnableTool<Record<string, unknown>>[],
  use: ToolUse,
  signal?: AbortSignal,
): Promise<Received> {
  const { anthropic, sent } = anthropicModel(use);
  await anthropic.beta.messages.toolRunner(
    { model: "mock", max_tokens: 100, messages: [{ role: "user", content: "go" }], tools },
    { ...(signal !== undefined && { signal }) },
  );
  const [block] = (sent.at(-1)?.messages.at(-1)?.content ?? []) as readonly ToolResultBlock[];
  if (block?.type !== "tool_result") return never();
  return {
    content: block.content,
    isError: block.is_error === true,
    offered: (sent[0]?.tools ?? []).map((tool) => tool.name),
  };
}

export const anthropicLoop: Loop = {
  name: "Anthropic",
  run: async (client, use, { adapter, signal } = {}) => runTools(await toAnthropicTools(client, adapter), use, signal),
  own: async (url) => {
    const client = new Client({ name: "own", version: "1.0.0" });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    const { tools } = await client.listTools();
    // The types of the two SDKs disagree about `structuredContent`.
    const like = client as Parameters<typeof mcpTools>[1];
    return { run: (use) => runTools(mcpTools(tools, like), use), close: () => client.close() };
  },
};
