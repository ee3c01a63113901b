import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test } from "vitest";
import { entriesOf, openBench, tapMessages, textOf, transports, until } from "./support.js";

describe.each(transports)("over %s", (kind) => {
  test("M13: a server without faults answers everything as a good one does", async () => {
    await using bench = await openBench(kind);
    const { client, call } = bench;
    expect(textOf(await call("echo", { text: "hello" }))).toBe("hello");
    expect(textOf(await call("add", { a: 1, b: 2 }))).toBe("3");
    expect(textOf(await call("readOnly"))).toBe("unchanged");
    expect((await call("structured")).structuredContent).toEqual({ sum: 3 });
    expect((await call("fail")).isError).toBe(true);
    await expect(call("rpcError", { code: -32050 })).rejects.toMatchObject({ code: -32050 });
    await expect(call("nosuch")).rejects.toMatchObject({ code: -32602 });
    await expect(call("add", { a: 1, b: "2" })).rejects.toMatchObject({ code: -32602 });
    expect(textOf(await call("big", { bytes: 300_000 }))).toHaveLength(300_000);
    expect([textOf(await call("counter")), textOf(await call("counter"))]).toEqual(["1", "2"]);
    expect(await client.ping()).toEqual({});
    const { resources } = await client.listResources();
    expect(resources.map((one) => one.uri)).toEqual(["chaos://resource/0", "chaos://resource/1"]);
    expect((await client.readResource({ uri: "chaos://resource/1" })).contents).toMatchObject([
      { text: "contents of chaos://resource/1" },
    ]);
    await expect(client.readResource({ uri: "chaos://resource/9" })).rejects.toMatchObject({ code: -32002 });
    expect((await client.listPrompts()).prompts.map((one) => one.name)).toEqual(["prompt_0", "prompt_1"]);
    expect((await client.getPrompt({ name: "prompt_1", arguments: { a: "b" } })).messages).toMatchObject([
      { content: { text: '{"a":"b"}' } },
    ]);
    await expect(client.getPrompt({ name: "prompt_9" })).rejects.toMatchObject({ code: -32602 });
  });

  test("M13: it asks its client back: elicitation, sampling and roots", async () => {
    const capabilities = { elicitation: {}, sampling: {}, roots: {} };
    await using bench = await openBench(kind, {}, { capabilities });
    const { client, call } = bench;
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { answer: "yes" } }));
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: "m",
      role: "assistant",
      content: { type: "text", text: "ok" },
    }));
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///tmp" }] }));
    if (kind === "http-json") {
      await until("the standing stream is open", () =>
        entriesOf(bench.journal(), "http").some((entry) => entry.method === "GET"),
      );
    }
    expect(JSON.parse(textOf(await call("elicit", { message: "sure?" })))).toMatchObject({ action: "accept" });
    expect(JSON.parse(textOf(await call("sample", { prompt: "hi" })))).toMatchObject({ model: "m" });
    expect(JSON.parse(textOf(await call("roots")))).toEqual({ roots: [{ uri: "file:///tmp" }] });
    // Many questions under one call are nothing to warn of.
    const warnings: string[] = [];
    const warned = ({ name }: Error): unknown => warnings.push(name);
    process.on("warning", warned);
    await call("ask", { kinds: ["elicitation"], rounds: 12 });
    process.off("warning", warned);
    expect(warnings).toEqual([]);
  });

  test("M2: a cancelled call stops and is journalled", async () => {
    await using bench = await openBench(kind);
    const stop = new AbortController();
    const slow = bench.call("slow", { ms: 60_000 }, { signal: stop.signal });
    const lost = expect(slow).rejects.toThrow();
    await until("the call is there", () =>
      entriesOf(bench.journal(), "request").some((entry) => entry.tool === "slow"),
    );
    stop.abort(new Error("enough"));
    await lost;
    const [cancelled] = await until("it is cancelled", () => {
      const all = entriesOf(bench.journal(), "cancelled");
      return all.length > 0 && all;
    });
    expect(cancelled).toMatchObject({ tool: "slow" });
    expect(textOf(await bench.call("slow", { ms: 1 }))).toBe("slept 1 ms");
  });

  test("M4: side effects are counted once each, with their hints in the list", async () => {
    await using bench = await openBench(kind);
    await bench.call("sideEffect", { key: "a" });
    await bench.call("sideEffectIdempotent", { key: "b" });
    expect(entriesOf(bench.journal(), "sideEffect").map(({ tool, key }) => [tool, key])).toEqual([
      ["sideEffect", "a"],
      ["sideEffectIdempotent", "b"],
    ]);
    const { tools } = await bench.client.listTools();
    const hints = new Map(tools.map((tool) => [tool.name, tool.annotations]));
    expect(hints.get("sideEffect")).toEqual({ readOnlyHint: false, idempotentHint: false });
    expect(hints.get("sideEffectIdempotent")).toMatchObject({ idempotentHint: true });
    expect(hints.get("readOnly")).toEqual({ readOnlyHint: true });
  });
});

test.each(["stdio", "http-sse", "sse"] as const)("M13: over %s progress arrives step by step", async (kind) => {
  await using bench = await openBench(kind);
  const seen: unknown[] = [];
  tapMessages(bench.client, (message) => {
    if ("method" in message && message.method === "notifications/progress") seen.push(message.params?.progress);
  });
  // Seen on the wire: the bare client forgets the progress that arrives together with the result.
  await bench.client.callTool({ name: "progress", arguments: { steps: 5, ms: 1 } }, undefined, {
    onprogress: () => {},
  });
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  expect(textOf(await bench.call("progress", { steps: 2, ms: 0 }))).toBe("2 steps");
});

test("M7: structured content that violates its schema is sent as it is", async () => {
  await using bench = await openBench("http-json");
  expect((await bench.call("badStructured")).structuredContent).toEqual({ sum: "three" });
  await bench.client.listTools();
  await expect(bench.call("badStructured")).rejects.toThrow(/schema/);
});

test("M16: the environment of the server can be asked for", async () => {
  await using bench = await openBench("http-json");
  process.env.CHAOS_TEST_SECRET = "s3cret";
  expect(JSON.parse(textOf(await bench.call("env", { names: ["CHAOS_TEST_SECRET", "CHAOS_NOT_SET"] })))).toEqual({
    CHAOS_TEST_SECRET: "s3cret",
  });
  delete process.env.CHAOS_TEST_SECRET;
});
