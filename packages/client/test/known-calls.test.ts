import {
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import type { CustomServer, McpSession } from "../src/index.js";
import { memoryServer, ofType, rejection, start } from "./support.js";
import { chaosHttp, textOf } from "./support-client.js";

test("M7: an answer that is no answer to the question is an error that says the call was sent", async () => {
  let answer: unknown = { content: "text" };
  const session: McpSession = {
    request: async () => answer,
    callTool: async () => answer,
    listTools: async () => ({ tools: [] }),
    close: async () => {},
    getServerCapabilities: () => undefined,
  };
  const { client } = start({ one: { connect: async () => session, retry: false } });
  for (answer of [{ content: "text" }, "text", null, undefined])
    expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
  answer = { structuredContent: { a: 1 } };
  expect(await client.callTool("one", "echo")).toEqual({ content: [], structuredContent: { a: 1 } });
});

test("M7: a page that is no object is an error, not a list", async () => {
  for (const page of ["text", 7, null, undefined]) {
    const session: McpSession = {
      request: async () => page,
      callTool: async () => page,
      listTools: async () => Reflect.apply(Object, undefined, [page]),
      close: async () => {},
      getServerCapabilities: () => undefined,
    };
    const { client } = start({ one: { connect: async () => session, retry: false } });
    expect(await rejection(client.listTools("one"))).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN", server: "one" });
  }
});

test("M7: an answer over maxMessageBytes is an error that names the limit, and the next call gets through", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, maxMessageBytes: 10_000 } });
  expect(await rejection(client.callTool("one", "big", { bytes: 20_000 }))).toMatchObject({
    code: "ERR_MCP_MESSAGE_TOO_LARGE",
    server: "one",
    maxMessageBytes: 10_000,
    delivery: "sent",
  });
  expect(textOf(await client.callTool("one", "echo", { text: "still here" }))).toBe("still here");
});

test("M7: malformed resources and prompts are left out as malformed tools are", async () => {
  const server = memoryServer();
  const { connect } = server.config;
  const config: CustomServer = {
    connect: async (context) => {
      const session = await connect(context);
      const [behind] = server.connections;
      behind?.setRequestHandler(ListResourcesRequestSchema, () =>
        Object({ resources: [{ name: "no-uri" }, { name: "a", uri: "a:a" }] }),
      );
      behind?.setRequestHandler(ListPromptsRequestSchema, () =>
        Object({ prompts: [{ name: "bad", arguments: "none" }, { name: "good" }] }),
      );
      behind?.setRequestHandler(ReadResourceRequestSchema, () => Object({ contents: "none" }));
      behind?.setRequestHandler(GetPromptRequestSchema, () => Object({ messages: "none" }));
      return session;
    },
  };
  const { client, events } = start({ one: { ...config, retry: false } });
  expect((await client.listResources("one")).map(({ name }) => name)).toEqual(["a"]);
  expect((await client.listPrompts("one")).map(({ name }) => name)).toEqual(["good"]);
  expect(ofType(events, "malformedTool").map((event) => event.tool)).toEqual(["no-uri", "bad"]);
  for (const broken of [client.readResource("one", "a:a"), client.getPrompt("one", "good")])
    expect(await rejection(broken)).toMatchObject({ server: "one", delivery: "sent" });
});
