import { ListToolsResultSchema, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Bench, openBench, tapMessages, transports, until } from "./support.js";

const anyPage = ResultSchema.extend({
  tools: z.array(z.looseObject({ name: z.string() })),
  nextCursor: z.string().optional(),
});

function listPage(bench: Bench, cursor?: string): Promise<z.infer<typeof anyPage>> {
  return bench.client.request({ method: "tools/list", params: cursor === undefined ? {} : { cursor } }, anyPage);
}

function countNotifications(bench: Bench): () => number {
  let count = 0;
  tapMessages(bench.client, (message) => {
    if ("method" in message && message.method === "notifications/tools/list_changed") count += 1;
  });
  return () => count;
}

test("M8: generated tools come page by page, and can be called", async () => {
  await using bench = await openBench("http-json", { tools: 100, pageSize: 40 });
  const sizes: number[] = [];
  const names = new Set<string>();
  let cursor: string | undefined;
  do {
    const { tools, nextCursor } = ListToolsResultSchema.parse(await listPage(bench, cursor));
    sizes.push(tools.length);
    for (const tool of tools) names.add(tool.name);
    cursor = nextCursor;
  } while (cursor !== undefined);
  expect(sizes).toEqual([40, 40, 40, names.size - 120]);
  expect(names.has("generated_99")).toBe(true);
  expect((await bench.call("generated_99", { p0: "x" })).structuredContent).toEqual({ index: 99 });
  await expect(bench.call("generated_100")).rejects.toMatchObject({ code: -32602 });
});

test("M8: a page can fail, a cursor be empty, unknown, or lead back to the start", async () => {
  await using bench = await openBench("http-json", { pageSize: 5, emptyCursor: true });
  expect((await listPage(bench)).nextCursor).toBe("");
  expect((await listPage(bench, "")).nextCursor).toBe("page-3");
  bench.server?.set({ failPage: 3 });
  await expect(listPage(bench, "page-3")).rejects.toMatchObject({ code: -32603 });
  for (const cursor of ["page-0", "page-x", "nonsense"])
    await expect(listPage(bench, cursor)).rejects.toMatchObject({ code: -32602 });
  bench.server?.reset();
  bench.server?.set({ pageSize: 20, emptyCursor: false, cursorLoop: true });
  const second = await listPage(bench, (await listPage(bench)).nextCursor);
  expect(second.nextCursor).toBe("page-1");
  expect((await listPage(bench, "page-1")).tools[0]?.name).toBe("echo");
  expect((await listPage(bench, "page-9")).tools).toEqual([]);
});

test("M8: other lists are paged too", async () => {
  await using bench = await openBench("http-json", { resources: 3, prompts: 1, pageSize: 2 });
  expect((await bench.client.listResources()).nextCursor).toBe("page-2");
  expect((await bench.client.listResources({ cursor: "page-2" })).resources).toHaveLength(1);
  expect((await bench.client.listPrompts()).nextCursor).toBeUndefined();
});

test("M7: a malformed tool and an uncompilable schema stand among good ones", async () => {
  await using bench = await openBench("http-json", { malformedTool: true });
  await expect(bench.client.listTools()).rejects.toThrow(/inputSchema|invalid/i);
  bench.server?.set({ malformedTool: false, uncompilableSchema: true });
  await expect(bench.client.listTools()).rejects.toThrow(/can't resolve reference/);
  const { tools } = await listPage(bench);
  expect(tools.at(-1)?.name).toBe("chaos");
});

test("M8: hints are in the results of all lists, and absent otherwise", async () => {
  await using bench = await openBench("http-json");
  const plain = await listPage(bench);
  expect("ttlMs" in plain || "cacheScope" in plain).toBe(false);
  bench.server?.set({ ttlMs: 0, cacheScope: "private" });
  expect(await listPage(bench)).toMatchObject({ ttlMs: 0, cacheScope: "private" });
  expect(await bench.client.listPrompts()).toMatchObject({ ttlMs: 0, cacheScope: "private" });
});

describe.each(transports)("over %s", (kind) => {
  test("M8: notifications of a changed list come in storms, at the handshake, on demand, and during a fetch", async () => {
    await using bench = await openBench(kind, { listChangedOnInit: 3 });
    const count = countNotifications(bench);
    // Those of the handshake may have come before anyone counted: only a lower and an upper bound holds here.
    await bench.control({ action: "listChanged", count: 200 });
    await until("the storm is over", () => count() >= 200);
    expect(count()).toBeLessThanOrEqual(203);
    const before = count();
    await bench.control({ set: { listChangedOnList: 2 } });
    await listPage(bench);
    await until("they came", () => count() >= before + 2);
  });

  test("M8: a late list is the one read at first", async () => {
    await using bench = await openBench(kind, { listDelayMs: 300, tools: 1 });
    const count = countNotifications(bench);
    const late = listPage(bench);
    await until("it is asked for", () =>
      bench.journal().some((entry) => entry.event === "request" && entry.method === "tools/list"),
    );
    await bench.control({ set: { tools: 2, listDelayMs: 0 }, action: "listChanged" });
    expect((await late).tools.at(-1)?.name).toBe("generated_0");
    await until("the notification came", () => count() === 1);
    expect((await listPage(bench)).tools.at(-1)?.name).toBe("generated_1");
  });
});

test("M8: a server that does not announce changes sends no notification", async () => {
  await using bench = await openBench("stdio", { noListChanged: true, listChangedOnInit: 1 });
  const count = countNotifications(bench);
  expect(bench.client.getServerCapabilities()?.tools).toEqual({ listChanged: false });
  await bench.control({ action: "listChanged", count: 5 });
  await listPage(bench);
  expect(count()).toBe(0);
});
