import { expect, test } from "vitest";
import type { McpSession } from "../../src/index.js";
import { rejection, start } from "../support.js";
import { session } from "./session-by-hand.js";

test("M12: losses of very many principals who never call again are not kept forever, the latest are", {
  timeout: 200_000,
}, async () => {
  const opened: McpSession[] = [];
  const connect = async (): Promise<McpSession> => {
    const one = session();
    opened.push(one);
    return one;
  };
  const { client } = start({ one: { connect, stateful: true } });
  const total = 10_050;
  for (let i = 0; i < total; i++) {
    await client.callTool("one", "echo", {}, { principal: `p${i}` });
    opened[i]?.onclose?.();
  }
  expect(await rejection(client.callTool("one", "echo", {}, { principal: `p${total - 1}` }))).toMatchObject({
    code: "ERR_MCP_SESSION_LOST",
  });
  expect(await rejection(client.callTool("one", "echo", {}, { principal: "p50" }))).toMatchObject({
    code: "ERR_MCP_SESSION_LOST",
  });
  expect(await client.callTool("one", "echo", {}, { principal: "p49" })).toEqual({ content: [] });
});
