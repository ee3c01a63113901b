import { startChaosServer } from "@minion/chaos";
import fc from "fast-check";
import { expect, test } from "vitest";
import { paramMismatch } from "../src/param-headers.js";
import { answerOf, legacyClient, post, startGateway } from "./support.js";

const inputSchema = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    nested: { type: "object", properties: { level: { type: "integer", "x-mcp-header": "Level" } } },
    dry: { type: "boolean", "x-mcp-header": "Dry" },
    free: { type: "string" },
  },
};
const coded = (text: string): string => `=?base64?${Buffer.from(text).toString("base64")}?=`;

test("G14: a header that does not say what the argument says is -32020 with HTTP 400, before the server is asked", async () => {
  await using chaos = await startChaosServer({
    faults: { extraTools: [{ name: "routed", inputSchema, result: { content: [] } }] },
  });
  const { url } = await startGateway({ chaos: { url: chaos.url } });
  const call = async (args: object, headers: Record<string, string>): Promise<readonly unknown[]> => {
    const response = await post(url, "tools/call", { name: "mcp_chaos_routed", arguments: args }, { headers });
    const { error } = await answerOf(response);
    return [response.status, Object(error).code];
  };
  const args = { region: "eu", nested: { level: 3 }, dry: false, free: "x" };
  const good = { "mcp-param-region": "eu", "mcp-param-level": "3", "mcp-param-dry": "false" };
  expect(await call(args, good)).toEqual([200, undefined]);
  expect(await call(args, { ...good, "mcp-param-level": "3.0", "mcp-param-region": coded("eu") })).toEqual([
    200,
    undefined,
  ]);
  expect(await call({ free: "x", region: null }, { "mcp-param-region": "ignored" })).toEqual([200, undefined]);
  const before = chaos.journal().length;
  const { "mcp-param-dry": _, ...missing } = good;
  for (const bad of [
    missing,
    { ...good, "mcp-param-region": "us" },
    { ...good, "mcp-param-region": "EU" },
    { ...good, "mcp-param-region": "=?base64?ZXU?=" },
    { ...good, "mcp-param-region": "=?base64?!!!!?=" },
    { ...good, "mcp-param-level": "4" },
    { ...good, "mcp-param-level": "0x3" },
    { ...good, "mcp-param-dry": "False" },
  ])
    expect([bad, await call(args, bad)]).toEqual([bad, [400, -32020]]);
  const calls = chaos
    .journal()
    .slice(before)
    .filter((entry) => entry.event === "request" && entry.method === "tools/call");
  expect(calls).toEqual([]);
  const legacy = await legacyClient(url);
  const result = await legacy.request("tools/call", { name: "mcp_chaos_routed", arguments: args });
  expect(result.content).toEqual([]);
});

test("G14: whatever a text is, its header agrees with it in base64 and with no other text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (text, other) => {
      const value = text;
      const headers = new Headers({ "mcp-param-region": coded(value) });
      expect(paramMismatch(inputSchema, { region: value }, headers)).toBeUndefined();
      const isOther = other !== value;
      expect(paramMismatch(inputSchema, { region: other }, headers) !== undefined).toBe(isOther);
    }),
  );
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (schema, args) => {
      expect(() => paramMismatch(schema, args, new Headers())).not.toThrow();
    }),
  );
});
