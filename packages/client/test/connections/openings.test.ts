import { expect, test } from "vitest";
import type { McpSession } from "../../src/index.js";
import { ofType, start, statusOf, until } from "../support.js";
import { session } from "./session-by-hand.js";

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
