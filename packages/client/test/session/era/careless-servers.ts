import fc from "fast-check";
import { expect, test } from "vitest";
import type { MinionClient } from "../../../src/index.js";
import { start, statusOf } from "../../support.js";
import { quick, textOf } from "../../support-client.js";
import { discovered, eraServer } from "./era-server.js";

// A server of revision 2026-07-28 that leaves out members, or gives them a form that they must not have.

export const timeout = 60_000;
export const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;
type Json = Readonly<Record<string, unknown>>;

export const tool = { name: "one", inputSchema: { type: "object" } };
export const text = { type: "text", text: "kept" };
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

/** Tests every answer of such a server, each in so many random forms. */
export function testAnswers(runs: number): void {
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
        { numRuns: runs, examples: [[Object.fromEntries(beside.map((key) => [key, []]))], [{}]] },
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
        { numRuns: runs },
      );
    });
  }
}
