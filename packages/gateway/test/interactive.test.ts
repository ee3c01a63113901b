import { spawnChaosServer, startChaosServer } from "@minion/chaos";
import { describe, expect, test, vi } from "vitest";
import { sessionCapabilities, sessionIdOf } from "../src/host-capabilities.js";
import { everything, legacyHost, modernHost } from "./hosts.js";
import { answerOf, legacyClient, post, readUntil, startGateway } from "./support.js";

const textOf = (result: unknown): string => Object(result).content[0].text;
const ask = (kinds: readonly string[], rounds = 1) => ({ name: "mcp_chaos_ask", arguments: { kinds, rounds } });

describe.each([
  ["legacy", "legacy", legacyHost],
  ["legacy", "modern", legacyHost],
  ["modern", "modern", modernHost],
] as const)("a %s host and a %s server", (era, protocol, connect) => {
  test("G9, G10: elicitation, sampling and roots reach the host that called, several at a time and in rounds", async () => {
    await using chaos = await startChaosServer({ protocol });
    await using alike = await startChaosServer({ protocol: era, faults: { reply: "sse" } });
    const { url } = await startGateway({ chaos: { url: chaos.url } }, { interactive: ["chaos"] });
    const [direct, through] = await Promise.all([alike.url, url].map((to) => connect(to, { who: "ann" })));
    const { name, arguments: args } = ask(["elicitation", "url", "sampling", "roots"], 3);
    const expected = textOf(await direct?.request("tools/call", { name: "ask", arguments: args }));
    expect(expected).toContain("file:///ann");
    expect(textOf(await through?.request("tools/call", { name, arguments: args }))).toBe(expected);
  });

  test("G10: two users who are asked at the same time are each asked in their own call", async () => {
    await using chaos = await startChaosServer({ protocol });
    const { url } = await startGateway({ chaos: { url: chaos.url } }, { interactive: ["chaos"] });
    const users = ["ann", "bob", "cy"];
    const hosts = await Promise.all(users.map((who) => connect(url, { who })));
    const asked = await Promise.all(
      Array.from({ length: 10 }, () =>
        hosts.map(async (host) => textOf(await host.request("tools/call", ask(["elicitation", "roots"])))),
      ).flat(),
    );
    for (const [index, text] of asked.entries()) {
      const who = users[index % users.length] ?? "";
      expect([who, text.includes(`"answer":"${who}"`), text.includes(`file:///${who}`)]).toEqual([who, true, true]);
      for (const other of users) if (other !== who) expect(text).not.toContain(other);
    }
  });
});

test("G9: between a modern host and server the question, its answer and requestState pass as they are", async () => {
  await using chaos = await startChaosServer({ protocol: "modern" });
  const { url } = await startGateway({ chaos: { url: chaos.url } }, { interactive: ["chaos"] });
  const _meta = { "io.modelcontextprotocol/clientCapabilities": everything };
  const args = { kinds: ["elicitation"], rounds: 2 };
  const one = async (to: string, name: string, more: object) =>
    Object((await answerOf(await post(to, "tools/call", { name, arguments: args, ...more, _meta }))).result);
  const withoutMeta = ({ _meta: __, ...rest }: Record<string, unknown>): unknown => rest;
  const direct = await one(chaos.url, "ask", {});
  const through = await one(url, "mcp_chaos_ask", {});
  expect(through.resultType).toBe("input_required");
  expect(withoutMeta(through)).toEqual(withoutMeta(direct));
  const inputResponses = { "round1-0-elicitation": { action: "accept", content: { answer: "é", n: 1, extra: [1] } } };
  const { requestState } = through;
  const [second, expected] = await Promise.all([
    one(url, "mcp_chaos_ask", { inputResponses, requestState }),
    one(chaos.url, "ask", { inputResponses, requestState }),
  ]);
  expect(second.inputRequests).toBeDefined();
  expect(withoutMeta(second)).toEqual(withoutMeta(expected));
});

test("G10: a server that is not interactive, and any server of a host that declares nothing, is told no capability", async () => {
  await using chaos = await startChaosServer({ protocol: "legacy" });
  await using modern = await startChaosServer({ protocol: "modern" });
  const servers = { chaos: { url: chaos.url }, modern: { url: modern.url } };
  const shut = await startGateway(servers);
  const open = await startGateway(servers, { interactive: ["chaos", "modern"] });
  const host = await legacyHost(shut.url, { who: "ann" });
  const silent = await legacyClient(open.url);
  const kinds = { kinds: ["roots"] };
  for (const client of [host, silent]) {
    const legacy = client.request("tools/call", { name: "mcp_chaos_ask", arguments: kinds });
    await expect(legacy).rejects.toThrow("The client does not support roots");
    const modern = client.request("tools/call", { name: "mcp_modern_ask", arguments: kinds });
    await expect(modern).rejects.toMatchObject({ code: -32021 });
  }
  await expect(host.request("tools/call", { name: "mcp_modern_ask", arguments: { kinds: [] } })).rejects.toMatchObject({
    code: -32603,
    data: { code: "ERR_MCP_INPUT_REQUIRED", server: "modern" },
  });
});

test("G9: a legacy server that asks a modern host ends in -32021, and its call is cancelled", async () => {
  await using chaos = await startChaosServer({ protocol: "legacy" });
  const { url } = await startGateway({ chaos: { url: chaos.url } }, { interactive: ["chaos"] });
  const _meta = { "io.modelcontextprotocol/clientCapabilities": everything };
  const response = await post(url, "tools/call", { ...ask(["elicitation"]), _meta });
  expect(response.status).toBe(400);
  const { error } = await answerOf(response);
  expect(error).toMatchObject({ code: -32021, data: { requiredCapabilities: { elicitation: {} } } });
  const echo = { name: "mcp_chaos_echo", arguments: { text: "still there" }, _meta };
  expect(textOf((await answerOf(await post(url, "tools/call", echo))).result)).toBe("still there");
});

test("G10: an answer is taken only where it was asked for, and only from whom was asked", async () => {
  await using chaos = await startChaosServer({ protocol: "legacy" });
  const options = {
    interactive: ["chaos"],
    auth: {
      verify: async (id: string) => ({ id, scopes: [] }),
      resource: new URL("https://gateway.example/mcp"),
      authorizationServers: [],
    },
  };
  const [one, two] = await Promise.all([1, 2].map(() => startGateway({ chaos: { url: chaos.url } }, options)));
  const send = (url: string, who: string, body: object): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${who}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-session-id": sessionIdOf(everything),
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...body }),
    });
  const url = one?.url ?? "";
  const call = await send(url, "ann", { id: 1, method: "tools/call", params: ask(["elicitation"]) });
  const question = await readUntil(call, (text) => text.includes("elicitation/create"));
  const id = JSON.parse(/^data: (.*)$/m.exec(question)?.[1] ?? "{}").id;
  const result = { action: "accept", content: { answer: "yes" } };
  for (const [to, who, wrong] of [
    [url, "bob", id],
    [two?.url ?? "", "ann", id],
    [url, "ann", 0],
    [url, "ann", "0"],
  ] as const)
    expect([who, wrong, (await send(to, who, { id: wrong, result })).status]).toEqual([who, wrong, 404]);
  expect((await send(url, "ann", { id, result })).status).toBe(202);
  expect((await send(url, "ann", { id, result })).status).toBe(404);
  expect(await readUntil(call, (text) => text.includes('"id":1'))).toContain("yes");
});

test("G10: a host that goes away while it is asked ends the call; one whose server dies is asked no more", async () => {
  await using chaos = await spawnChaosServer({ protocol: "legacy" });
  const { url, gateway } = await startGateway({ chaos: { url: chaos.url, retry: false } }, { interactive: ["chaos"] });
  const asked: AbortSignal[] = [];
  const elicit = (_: unknown, signal: AbortSignal): Promise<never> => {
    asked.push(signal);
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const leaving = await legacyHost(url, { who: "ann", elicit });
  const left = leaving.request("tools/call", ask(["elicitation"])).catch(() => {});
  await vi.waitFor(() => expect(asked).toHaveLength(1), 60_000);
  await leaving.close();
  await left;
  await vi.waitFor(() => expect(gateway.status().servers[0]?.pool).toMatchObject({ leased: 0, creating: 0 }), 60_000);
  const staying = await legacyHost(url, { who: "bob", elicit });
  const lost = staying.request("tools/call", ask(["elicitation"]));
  const rejected = expect(lost).rejects.toMatchObject({ code: -32603 });
  await vi.waitFor(() => expect(asked).toHaveLength(2), 60_000);
  process.kill(chaos.pid, "SIGKILL");
  await rejected;
  await vi.waitFor(() => expect(asked[1]?.aborted).toBe(true), 60_000);
});

test("G10: a session id says what a host declared and nothing else, whatever is made up", () => {
  expect(sessionCapabilities(sessionIdOf(everything))).toEqual(everything);
  expect(sessionIdOf(everything)).toMatch(/^[!-~]+$/);
  expect(sessionIdOf(everything)).not.toBe(sessionIdOf(everything));
  const coded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const made of [
    "",
    ".",
    "x",
    "e30",
    coded([]),
    coded(null),
    coded({ tasks: {} }),
    coded({ roots: 1 }),
    "a".repeat(9_000),
  ])
    expect(sessionCapabilities(made)).toBeUndefined();
  expect(sessionCapabilities(coded({ roots: {}, __proto__: null, elicitation: { other: {} } }))).toEqual({
    roots: {},
    elicitation: {},
  });
});
