import { startChaosServer } from "@minion/chaos";
import { expect, test, vi } from "vitest";
import { auditLine } from "../src/audit.js";
import type { AuditEntry } from "../src/index.js";
import { legacyClient, post, startGateway } from "./support.js";

test("G15, G20: each request leaves one line of who asked what of which server and how it ended, and nothing it said", async () => {
  await using chaos = await startChaosServer();
  const entries: AuditEntry[] = [];
  const { url } = await startGateway(
    { chaos: { url: chaos.url } },
    {
      audit: (entry) => {
        entries.push(entry);
        throw new Error("a log that cannot be written to");
      },
      auth: {
        verify: async (token) => (token === "bad" ? Promise.reject(new Error("no")) : { id: token, scopes: [] }),
        resource: new URL("https://gateway.example/mcp"),
        authorizationServers: [],
      },
    },
  );
  const as = (who: string) => ({ headers: { authorization: `Bearer ${who}` } });
  const call = (name: string) => ({ name, arguments: { text: "my secret", code: -32050 } });
  for (const [who, method, params] of [
    ["ann", "tools/list", {}],
    ["ann", "tools/call", call("mcp_chaos_echo")],
    ["bob", "tools/call", call("mcp_chaos_fail")],
    ["bob", "tools/call", call("mcp_chaos_rpcError")],
    ["bob", "tools/call", call(`a\n"b${"c".repeat(200)}`)],
    ["bad", "tools/list", {}],
  ] as const)
    await (
      await post(url, method, params, {
        headers: { ...as(who).headers, "mcp-name": encodeURI(String(Object(params).name)) },
      })
    ).text();
  await vi.waitFor(() => expect(entries.length).toBeGreaterThanOrEqual(5), 20_000);
  expect(entries).toMatchObject([
    { principal: "ann", method: "tools/list", server: "", outcome: "success", target: undefined },
    { principal: "ann", method: "tools/call", server: "chaos", outcome: "success", target: "mcp_chaos_echo" },
    { principal: "bob", method: "tools/call", server: "chaos", outcome: "tool_error", target: "mcp_chaos_fail" },
    { principal: "bob", method: "tools/call", server: "chaos", outcome: "error", code: -32050 },
    { principal: undefined, method: "", outcome: "rejected", reason: "auth" },
  ]);
  const lines = entries.map(auditLine);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ at: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(lines.join("")).not.toMatch(/my secret|Bearer/);
});

test("G20: a line of the log is one line, whatever a caller calls things", () => {
  const target = 'a\n"b\u2028c';
  const entry = {
    at: 0,
    principal: "p\r\n",
    method: "m\n",
    server: "",
    target,
    outcome: "error",
    code: 1,
    durationMs: 1,
  } as const;
  expect(auditLine(entry).split("\n")).toHaveLength(2);
  expect(JSON.parse(auditLine(entry))).toMatchObject({ target, at: "1970-01-01T00:00:00.000Z" });
});

test("G20: an async log that rejects keeps no request from being answered, and ends no process", async () => {
  await using chaos = await startChaosServer();
  const audit = () => Promise.reject(new Error("a log that cannot be written to"));
  const { url } = await startGateway({ chaos: { url: chaos.url } }, { audit });
  expect((await post(url, "tools/list")).status).toBe(200);
});

test("G20: a request of the legacy era is told as well", async () => {
  await using chaos = await startChaosServer();
  const entries: AuditEntry[] = [];
  const { url } = await startGateway({ chaos: { url: chaos.url } }, { audit: (entry) => void entries.push(entry) });
  const client = await legacyClient(url);
  await client.request("resources/read", { uri: "chaos+chaos://text/a" });
  expect(entries).toMatchObject([{ method: "resources/read", server: "chaos", outcome: "success" }]);
});
