import { expect, test } from "vitest";
import type { McpSession } from "../../src/index.js";
import { ofType, rejection, start, statusOf, until } from "../support.js";

/** A session by hand that answers everything. */
function session(): McpSession {
  const one: McpSession = {
    request: async () => ({ content: [] }),
    callTool: async () => ({ content: [] }),
    listTools: async () => ({ tools: [] }),
    close: async () => one.onclose?.(),
    getServerCapabilities: () => undefined,
  };
  return one;
}

test("M6: a session that ends in the instant in which it is open is replaced, and none is counted twice", async () => {
  for (let turns = 0; turns < 16; turns++) {
    const opened: McpSession[] = [];
    const endSoon = async (one: McpSession): Promise<void> => {
      for (let turn = 0; turn < turns; turn++) await undefined;
      one.onclose?.();
    };
    const { client, events } = start({
      one: {
        connect: async () => {
          const one = session();
          if (opened.push(one) === 1) void endSoon(one);
          return one;
        },
        retry: { initialDelayMs: 1 },
      },
    });
    await client.callTool("one", "echo", {}, { idempotent: true });
    await client.callTool("one", "echo", {}, { idempotent: true });
    await client.close();
    await until(() => statusOf(client, "one").pool.total === 0, "the end of all");
    expect(ofType(events, "sessionClosed")).toHaveLength(ofType(events, "sessionOpened").length);
    expect(statusOf(client, "one").connected).toBe(false);
  }
});

test("M12: losses of very many principals who never call again are not kept forever, the latest are", async () => {
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
