import { ToolResultError, toAiSdkTools } from "@minion/adapters/ai-sdk";
import { toAnthropicTools } from "@minion/adapters/anthropic";
import { toLangChainTools } from "@minion/adapters/langchain";
import { toOpenAiServer } from "@minion/adapters/openai-agents";
import { expect, test } from "vitest";
import { langChainLoop } from "../support/langchain-loop.js";
import { chaosAndMinion } from "../support/servers.js";

const only = (name: string) => ({ filter: ({ tool }: { tool: string }) => tool === name });

test("A1: the output of an AI SDK tool is understood bare too, as Mastra hands it over", async () => {
  const { client } = await chaosAndMinion();
  const tool = (await toAiSdkTools(client, only("echo"))).mcp_chaos_echo;
  const output = { content: [{ type: "text", text: "hello" }] };
  const expected = { type: "text", value: "hello" };
  expect(await tool?.toModelOutput?.({ toolCallId: "call-1", input: {}, output })).toEqual(expected);
  expect(await tool?.toModelOutput?.({ ...output, toolCallId: "call-1", input: {}, output: undefined })).toEqual(
    expected,
  );
});

test("A2: the whole result is on the error, and as the artifact of LangChain", async () => {
  const { client } = await chaosAndMinion();
  const result = await client.callTool("chaos", "fail");
  expect(result.isError).toBe(true);
  const [bare] = await toLangChainTools(client, only("fail"));
  const error: unknown = await bare?.invoke({}).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ToolResultError);
  expect(error).toMatchObject({ message: "the tool failed, as asked", result });
  const [run] = await toAnthropicTools(client, only("fail"));
  await expect(run?.run({})).rejects.toMatchObject({ name: "ToolResultError", result });
  expect((await langChainLoop.run(client, { name: "mcp_chaos_fail" })).artifact).toEqual(result);
});

test("A1: what a model API would refuse is never handed to it: blank texts, images without bytes, spellings that it does not know", async () => {
  const text = (words: string) => ({ type: "text", text: words });
  const image = (data: string, mimeType: string) => ({ type: "image", data, mimeType });
  const resource = { uri: "file:///a.png", mimeType: "IMAGE/PNG", blob: "" };
  const content = [
    text(" \n"),
    image("", "image/png"),
    image("data:image/jpg;base64,QUJD", "image/jpg"),
    { type: "resource", resource },
  ];
  const extraTools = [
    { name: "odd", result: { content } },
    { name: "blank", result: { content: [text("\n")] } },
  ];
  const { client } = await chaosAndMinion({ extraTools });
  const [odd, blank] = await toAnthropicTools(client, { filter: ({ tool }) => tool === "odd" || tool === "blank" });
  expect(await odd?.run({})).toEqual([
    text("[image, image/png, 0 bytes]"),
    { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "QUJD" } },
    text("[image, a.png, image/png, 0 bytes]"),
  ]);
  expect(await blank?.run({})).toEqual([text("(no output)")]);
});

test("A4: LangChain's artifact of an error of Minion says what is known of the call", async () => {
  const { server, client } = await chaosAndMinion();
  await client.listAllTools();
  server.set({ resetSocket: true, when: "after", only: "calls", times: 1 });
  const received = await langChainLoop.run(client, { name: "mcp_chaos_sideEffect", args: { key: "k" } });
  expect(received.artifact).toEqual({ code: "ERR_MCP_OUTCOME_UNKNOWN", server: "chaos", delivery: "sent" });
});

test("A2: OpenAI's useStructuredContent gets the structured content, an error's content and the metadata", async () => {
  const { client } = await chaosAndMinion();
  const server = toOpenAiServer(client, { useStructuredContent: true, name: "tools" });
  expect(server).toMatchObject({ name: "tools", useStructuredContent: true, cacheToolsList: false });
  expect(await server.callToolResult?.("mcp_chaos_structured", {})).toMatchObject({ structuredContent: { sum: 3 } });
  expect(await server.callToolResult?.("mcp_chaos_fail", {})).toEqual({
    content: [{ type: "text", text: "the tool failed, as asked" }],
    isError: true,
  });
});
