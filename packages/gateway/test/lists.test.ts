import { spawnChaosServer, startChaosServer } from "@minion/chaos";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { gatewayUri, serverUri } from "../src/resource-uri.js";
import { answerOf, legacyClient, modernClient, post, readUntil, startGateway } from "./support.js";

const listening = { notifications: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } };

test("G6: a list that lacks a server names it, cannot be kept, and is told as changed when the server is back", async () => {
  await using chaos = await startChaosServer();
  const lost = await spawnChaosServer();
  const port = Number(new URL(lost.url).port);
  await lost.close();
  const { url } = await startGateway({ chaos: { url: chaos.url }, lost: { url: lost.url, breaker: { openMs: 500 } } });
  const { result } = await answerOf(await post(url, "tools/list"));
  expect(result).toMatchObject({ ttlMs: 0, _meta: { "minion/unavailable": ["lost"] } });
  const legacy = await legacyClient(url);
  expect(await legacy.request("tools/list")).toMatchObject({ _meta: { "minion/unavailable": ["lost"] } });
  expect(await legacy.request("tools/call", { name: "mcp_chaos_echo", arguments: { text: "a" } })).toBeDefined();
  const stream = await post(url, "subscriptions/listen", listening);
  await using _back = await spawnChaosServer({ port });
  await readUntil(stream, (text) => text.includes("notifications/tools/list_changed"));
  await vi.waitFor(async () => {
    const whole = Object((await answerOf(await post(url, "tools/list"))).result);
    expect(whole._meta["minion/unavailable"]).toBeUndefined();
    expect(whole.ttlMs).toBeGreaterThan(0);
    expect(whole.tools.some(({ name }: { name: string }) => name === "mcp_lost_echo")).toBe(true);
  }, 20_000);
  await stream.body?.cancel();
});

test("G6, G8: a server that is added later is served and told of, one that is removed is missed by nobody", async () => {
  await using chaos = await startChaosServer();
  const { url, client } = await startGateway({ first: { url: chaos.url } });
  const listed = async (): Promise<Record<string, unknown>> =>
    Object((await answerOf(await post(url, "tools/list"))).result);
  const stream = await post(url, "subscriptions/listen", listening);
  client.addServer("second", { url: chaos.url });
  await vi.waitFor(async () => expect(JSON.stringify(await listed())).toContain("mcp_second_echo"), 20_000);
  await readUntil(stream, (text) => text.includes("notifications/tools/list_changed"));
  const call = { name: "mcp_second_echo", arguments: { text: "a" } };
  expect(await answerOf(await post(url, "tools/call", call))).toMatchObject({ result: { content: [{ text: "a" }] } });
  await client.removeServer("first");
  await vi.waitFor(async () => {
    const whole = await listed();
    expect(whole._meta).not.toHaveProperty("minion/unavailable");
    expect(JSON.stringify(whole)).not.toContain("mcp_first_echo");
  }, 20_000);
  await stream.body?.cancel();
});

test("G7: the pages of a list are the list, on any replica; a cursor of another list or an older one is -32602", async () => {
  await using chaos = await startChaosServer({ faults: { tools: 7 } });
  const [one, two] = await Promise.all([1, 2].map(() => startGateway({ chaos: { url: chaos.url } }, { pageSize: 5 })));
  if (one === undefined || two === undefined) throw new Error("There are two");
  const whole = await startGateway({ chaos: { url: chaos.url } });
  const all = Object((await answerOf(await post(whole.url, "tools/list"))).result).tools;
  const pages: unknown[] = [];
  const cursors: string[] = [];
  let cursor: string | undefined;
  do {
    const { url } = pages.length % 2 === 0 ? one : two;
    const page = Object((await answerOf(await post(url, "tools/list", cursor === undefined ? {} : { cursor }))).result);
    pages.push(...page.tools);
    cursor = page.nextCursor;
    if (cursor !== undefined) cursors.push(cursor);
  } while (cursor !== undefined);
  expect(pages).toEqual(all);
  const bad = { error: { code: -32602 } };
  expect(await answerOf(await post(one.url, "prompts/list", { cursor: cursors[0] }))).toMatchObject(bad);
  for (const made of ["", "x", "e30", Buffer.from("[]").toString("base64url")])
    expect(await answerOf(await post(one.url, "tools/list", { cursor: made }))).toMatchObject(bad);
  chaos.set({ tools: 8 });
  chaos.listChanged(1, "tools");
  await vi.waitFor(
    async () => expect(await answerOf(await post(one.url, "tools/list", { cursor: cursors[0] }))).toMatchObject(bad),
    20_000,
  );
});

test.each(["legacy", "modern"] as const)(
  "G8: a change of a %s server is told to each listener of either era, a storm of 200 by at most two messages",
  async (protocol) => {
    await using chaos = await startChaosServer({ protocol });
    const { url } = await startGateway({ chaos: { url: chaos.url } });
    await answerOf(await post(url, "tools/list"));
    const modern = await post(url, "subscriptions/listen", listening);
    const legacy = await fetch(url, { headers: { accept: "text/event-stream" } });
    await readUntil(modern, (text) => text.includes("acknowledged"));
    const opened = protocol === "legacy" ? { event: "http", method: "GET" } : { event: "subscribed" };
    await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining(opened)), 20_000);
    chaos.listChanged(200, "prompts");
    const told = (text: string): number => text.split("notifications/prompts/list_changed").length - 1;
    const [first, second] = await Promise.all(
      [modern, legacy].map((stream) => readUntil(stream, (text) => told(text) >= 1)),
    );
    // What comes after the storm ends what may be counted.
    const rest = [modern, legacy].map((stream) => readUntil(stream, (text) => text.includes("tools/list_changed")));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    chaos.listChanged(1, "tools");
    const [later, last] = await Promise.all(rest);
    for (const text of [`${first}${later}`, `${second}${last}`]) expect(told(text)).toBeLessThanOrEqual(2);
    await Promise.all([modern.body?.cancel(), legacy.body?.cancel()]);
  },
);

test("G5: names depend on the pair alone, and a name with a hash is found without any list being asked for first", async () => {
  const long = "t".repeat(90);
  const result = { content: [{ type: "text", text: "found" }] };
  await using chaos = await startChaosServer({ faults: { extraTools: [{ name: long, result }] } });
  const alone = await startGateway({ my_server: { url: chaos.url } });
  const names = async (url: string): Promise<readonly string[]> =>
    Object(await (await modernClient(url)).request("tools/list")).tools.map(({ name }: { name: string }) => name);
  const before = await names(alone.url);
  const more = await startGateway({ other: { url: chaos.url }, my_server: { url: chaos.url }, my: { url: chaos.url } });
  expect(await names(more.url)).toEqual(expect.arrayContaining([...before]));
  expect(before.every((name) => /^[A-Za-z0-9_-]{1,64}$/.test(name))).toBe(true);
  const name = before.find((one) => one.includes("ttttttt"));
  const fresh = await startGateway({ my_server: { url: chaos.url }, my: { url: chaos.url } });
  expect(await answerOf(await post(fresh.url, "tools/call", { name, arguments: {} }))).toMatchObject({ result });
});

test("G5: a URI of the gateway leads back to the server and the URI that it was made of", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1 }), fc.webUrl(), (servers, uri) => {
      for (const server of servers) expect(serverUri(gatewayUri(server, uri), servers)).toEqual({ server, uri });
    }),
  );
});
