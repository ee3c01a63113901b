import fc from "fast-check";
import { expect, test } from "vitest";
import type { MinionClient } from "../../../src/index.js";
import { ofType, start, statusOf } from "../../support.js";
import { quick, textOf } from "../../support-client.js";
import { discovered, eraServer } from "./era-server.js";

// A server of revision 2026-07-28 that leaves out members, or gives them a form that they must not have.

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;
type Json = Readonly<Record<string, unknown>>;

const tool = { name: "one", inputSchema: { type: "object" } };
const text = { type: "text", text: "kept" };
const hints = { resultType: "complete", ttlMs: 0, cacheScope: "private", _meta: {} };

/** What a careful server answers to each method, with every member that the revision knows. */
const careful: Readonly<Record<string, Json>> = {
  "server/discover": {
    ...discovered,
    instructions: "hi",
    _meta: { "io.modelcontextprotocol/serverInfo": { name: "s" } },
  },
  "tools/list": { ...hints, tools: [tool] },
  "tools/call": { resultType: "complete", content: [text], structuredContent: { a: 1 }, isError: false, _meta: {} },
  "resources/list": { ...hints, resources: [{ name: "r", uri: "x://r" }] },
  "resources/templates/list": { ...hints, resourceTemplates: [{ name: "t", uriTemplate: "x://{t}" }] },
  "resources/read": { ...hints, contents: [{ uri: "x://r", text: "kept" }] },
  "prompts/list": { ...hints, prompts: [{ name: "p" }] },
  "prompts/get": { resultType: "complete", description: "d", messages: [{ role: "user", content: text }], _meta: {} },
  "completion/complete": { resultType: "complete", completion: { values: ["v"], total: 1, hasMore: false }, _meta: {} },
};

/** The members without which an answer is none to its question. */
const essential: Readonly<Record<string, string>> = {
  "server/discover": "supportedVersions",
  "tools/list": "tools",
  "tools/call": "content",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
  "resources/read": "contents",
  "prompts/list": "prompts",
  "prompts/get": "messages",
  "completion/complete": "completion",
};

/** Asks for everything, and tells the essential part of each answer. */
const asking: Readonly<Record<string, (client: MinionClient) => Promise<unknown>>> = {
  "server/discover": async (client) => (await client.serverInfo("s")).protocol,
  "tools/list": async (client) => (await client.listTools("s")).map(({ name }) => name),
  "tools/call": async (client) => textOf(await client.callTool("s", "one")),
  "resources/list": async (client) => (await client.listResources("s")).map(({ uri }) => uri),
  "resources/templates/list": async (client) => (await client.listResourceTemplates("s")).map(({ name }) => name),
  "resources/read": async (client) => (await client.readResource("s", "x://r")).contents,
  "prompts/list": async (client) => (await client.listPrompts("s")).map(({ name }) => name),
  "prompts/get": async (client) => (await client.getPrompt("s", "p")).messages,
  "completion/complete": async (client) =>
    (await client.complete("s", { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "" } }))
      .completion.values,
};

const capabilities = { tools: {}, resources: {}, prompts: {}, completions: {} };

/** A careful server but for what one method is answered with. */
async function clientOf(method: string, answer: Json): Promise<MinionClient> {
  const server = await eraServer((asked) => {
    const usual = careful[asked.method];
    const result = asked.method === method ? answer : usual;
    if (result === undefined) return undefined;
    return { result: asked.method === "server/discover" ? { capabilities, ...result } : result };
  });
  return start({ s: { url: server.url, type: "http", ...policy } }).client;
}

/** How an answer can be worse than it should be. */
const junk = fc.oneof(
  fc.constantFrom<unknown>([], {}, null, "x", 7, -1, 0.5, true, [null], [[]], { a: null }),
  fc.jsonValue({ maxDepth: 2 }),
);

for (const [method, ask] of Object.entries(asking)) {
  test(`M7, M19: whatever stands beside what was asked for in an answer to ${method}, it comes through`, {
    timeout,
  }, async () => {
    const usual: Json = { ...careful[method], ...(method === "server/discover" && { capabilities }) };
    const beside = Object.keys(usual).filter((key) => key !== essential[method] && key !== "resultType");
    const expected = await ask(await clientOf(method, usual));
    const changes = fc.dictionary(fc.constantFrom(...beside), fc.oneof(fc.constant(undefined), junk));
    await fc.assert(
      fc.asyncProperty(changes, async (changed) => {
        expect(await ask(await clientOf(method, { ...usual, ...changed }))).toEqual(expected);
      }),
      { numRuns: 30, examples: [[Object.fromEntries(beside.map((key) => [key, []]))], [{}]] },
    );
  });

  test(`M7, M19: an answer to ${method} without what was asked for rejects with an error that has a code`, {
    timeout,
  }, async () => {
    const name = String(essential[method]);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.constant(undefined), junk), async (value) => {
        const client = await clientOf(method, { ...careful[method], [name]: value });
        const error: unknown = await ask(client).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(Reflect.get(Object(error), "code")).toEqual(expect.anything());
        expect(statusOf(client, "s").breaker?.state).not.toBe("open");
      }),
      { numRuns: 20 },
    );
  });
}

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
