import { expect, test } from "vitest";
import { ofType, start } from "../../support.js";
import { textOf } from "../../support-client.js";
import { policy, testAnswers, text, timeout, tool } from "./careless-servers.js";
import { eraServer } from "./era-server.js";

testAnswers(8);

test.each<readonly [string, unknown, number]>([
  ["no ttlMs", undefined, 2],
  ["a ttlMs that is null", null, 2],
  ["a ttlMs that is a text", "60000", 2],
  ["a negative ttlMs", -1, 2],
  ["a ttlMs of a minute", 60_000, 1],
])("M8, M19: a list with %s is asked for as often as the revision wants", { timeout }, async (_what, ttlMs, wanted) => {
  const server = await eraServer(({ method }) =>
    method === "tools/list" ? { result: { resultType: "complete", tools: [tool], ttlMs } } : undefined,
  );
  const { client } = start({
    s: { url: server.url, type: "http", ...policy },
    own: { url: server.url, type: "http", ...policy, cache: { ttlMs: 60_000 } },
  });
  await client.listTools("s");
  await client.listTools("s");
  expect(server.count("tools/list")).toBe(wanted);
  // A policy with a time of its own holds where the server says nothing.
  await client.listTools("own");
  await client.listTools("own");
  expect(server.count("tools/list")).toBe(wanted + (ttlMs === -1 ? 2 : 1));
});

test("M8: of the pages of a list one without ttlMs makes it one that is not kept", { timeout }, async () => {
  const server = await eraServer(({ method, params }) => {
    if (method !== "tools/list") return undefined;
    if (params.cursor === "2") return { result: { tools: [{ ...tool, name: "two" }] } };
    return { result: { tools: [tool], ttlMs: 60_000, nextCursor: "2" } };
  });
  const { client } = start({ s: { url: server.url, type: "http", ...policy } });
  for (let round = 1; round <= 2; round += 1) {
    expect(await client.listTools("s")).toHaveLength(2);
    expect(server.count("tools/list")).toBe(2 * round);
  }
});

test("M4, M19: the hints of tools hold although their list is not kept", { timeout }, async () => {
  let isDown = false;
  const safe = { ...tool, annotations: { readOnlyHint: true } };
  const server = await eraServer(({ method }) => {
    if (method === "tools/list") return { result: { tools: [safe] } };
    if (method !== "tools/call") return undefined;
    const status = isDown ? 502 : 200;
    isDown = false;
    return status === 502 ? { status, text: "Bad Gateway" } : { result: { content: [text] } };
  });
  const { client } = start({ s: { url: server.url, type: "http", ...policy } });
  await client.listTools("s");
  isDown = true;
  expect(textOf(await client.callTool("s", "one"))).toBe("kept");
});

test("M8: principals share no list, whatever a server of today says of its scope", { timeout }, async () => {
  for (const cacheScope of ["private", "public", undefined, 7]) {
    const server = await eraServer(({ method }) =>
      method === "tools/list"
        ? { result: { resultType: "complete", tools: [tool], ttlMs: 60_000, cacheScope } }
        : undefined,
    );
    const { client } = start({ s: { url: server.url, type: "http", ...policy } });
    for (const principal of ["ann", "bob", "ann", "bob"]) await client.listTools("s", { principal });
    expect(server.count("tools/list")).toBe(2);
  }
});

test("M7, M8: a cursor that is no text ends a list, which is told", { timeout }, async () => {
  const server = await eraServer(({ method }) =>
    method === "tools/list" ? { result: { tools: [tool], nextCursor: { page: 2 } } } : undefined,
  );
  const { client, events } = start({ s: { url: server.url, type: "http", ...policy } });
  expect(await client.listTools("s")).toHaveLength(1);
  expect(ofType(events, "listCutShort")).toMatchObject([{ list: "tools" }]);
});
