import { toAiSdkTools } from "@minion/adapters/ai-sdk";
import { toAnthropicTools } from "@minion/adapters/anthropic";
import { expect, test, vi } from "vitest";
import { textOf } from "../support/loop.js";
import { loops } from "../support/loops.js";
import { chaosAndMinion, count } from "../support/servers.js";

for (const loop of loops) {
  test(`A5: the signal of ${loop.name} ends the call and tells the server`, async () => {
    const { server, client } = await chaosAndMinion();
    const controller = new AbortController();
    const run = loop.run(client, { name: "mcp_chaos_hang" }, { signal: controller.signal });
    const settled = run.then(
      () => "resolved",
      (error: unknown) => error,
    );
    await vi.waitFor(() => expect(count(server, "request", "hang")).toBe(1), 20_000);
    controller.abort();
    const outcome = await settled;
    expect(outcome).not.toBe("resolved");
    expect(String(outcome)).toMatch(/abort|cancel/i);
    await vi.waitFor(() => expect(count(server, "cancelled", "hang")).toBe(1), 20_000);
    expect((await loop.run(client, { name: "mcp_chaos_echo", args: { text: "still here" } })).isError).toBe(false);
  });

  test(`A5: a signal that was aborted before ends the run of ${loop.name} without a call`, async () => {
    const { server, client } = await chaosAndMinion();
    const run = loop.run(client, { name: "mcp_chaos_hang" }, { signal: AbortSignal.abort() });
    await expect(run).rejects.toThrow(/abort|cancel/i);
    expect(count(server, "request", "hang")).toBe(0);
  });

  test(`A4: where Minion's own deadline passes, the model of ${loop.name} reads that the call may still have run`, async () => {
    const { client } = await chaosAndMinion();
    const received = await loop.run(client, { name: "mcp_chaos_hang" }, { adapter: { timeoutMs: 300 } });
    expect(textOf(received)).toMatch(/took longer than 300 ms. It may still have run/);
    expect(textOf(received)).not.toMatch(/try again|fix your mistakes/i);
  });
}

test("A5: null stands for no signal", async () => {
  const { client } = await chaosAndMinion();
  const tools = await toAnthropicTools(client, { filter: ({ tool }) => tool === "echo" });
  const toolUse = {
    type: "tool_use",
    id: "call-1",
    name: "mcp_chaos_echo",
    input: {},
    caller: { type: "direct" },
  } as const;
  const context = { toolUse, toolUseBlock: toolUse, signal: null };
  expect(await tools[0]?.run({ text: "hello" }, context)).toEqual([{ type: "text", text: "hello" }]);
});

test("A5: the signal of the options ends the listing", async () => {
  const { client } = await chaosAndMinion({ hangEverything: true });
  const controller = new AbortController();
  const listing = toAiSdkTools(client, { signal: controller.signal });
  controller.abort(new Error("not needed any more"));
  await expect(listing).rejects.toThrow("not needed any more");
});
