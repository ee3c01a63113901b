import { toOpenAiServer } from "@minion/adapters/openai-agents";
import type { MinionClient } from "@minion/client";
import { Agent, Runner } from "@openai/agents";
import { expect, test, vi } from "vitest";
import { adapters } from "../support/adapters.js";
import { openAiModel } from "../support/openai-loop.js";
import { chaos, chaosAndMinion, count, minion } from "../support/servers.js";

const schema = {
  type: "object",
  properties: { city: { anyOf: [{ type: "string" }, { $ref: "#/$defs/place" }] } },
  required: ["city"],
  additionalProperties: true,
  $defs: { place: { type: "object", properties: { inside: { $ref: "#/$defs/place" } } } },
};

/** Writes into every object and array of a value. */
function scribble(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const member of Object.values(value)) scribble(member);
  Reflect.set(value, "__absolute_uri__", "written");
  if (!("__absolute_uri__" in value)) throw new Error("it is frozen");
}

for (const [adapter, make] of Object.entries(adapters)) {
  test(`A7: schemas of ${adapter} are copies, unchanged in meaning, that a framework may write into`, async () => {
    const { client } = await chaosAndMinion({ extraTools: [{ name: "weather", inputSchema: schema, result: {} }] });
    for (let time = 0; time < 2; time += 1) {
      const tool = (await make(client)).find(({ name }) => name === "mcp_chaos_weather");
      expect(tool?.schema).toEqual(schema);
      scribble(tool?.schema);
    }
    const listed = (await client.listAllTools()).tools.find(({ tool }) => tool === "weather");
    expect(listed?.inputSchema).toEqual(schema);
  });

  test(`A6: names of ${adapter} are legal and unique over servers, and call the tool they were listed for`, async () => {
    const long = "a_tool_with_a_name_of_far_more_than_sixty-four_characters_in_all_of_its_length";
    const strange = ["with-dash", "with_dash", "with.dot", "with space", "дом", long, `${long}-2`];
    const tools = (server: string) =>
      strange.map((name) => ({ name, result: { content: [{ type: "text", text: `${server} ran ${name}` }] } }));
    const servers = ["one", "one_two", "one-two"];
    const started = await Promise.all(servers.map((server) => chaos({ extraTools: tools(server) })));
    const client = minion(
      Object.fromEntries(servers.map((server, index) => [server, { url: started[index]?.url ?? "" }])),
    );
    const made = await make(client);
    const names = made.map(({ name }) => name);
    expect(names.length).toBe((await client.listAllTools()).tools.length);
    expect(new Set(names.map((name) => (adapter === "openai-agents" ? name.replaceAll("-", "_") : name))).size).toBe(
      names.length,
    );
    for (const name of names)
      expect(name).toMatch(adapter === "openai-agents" ? /^[A-Za-z0-9_]{1,64}$/ : /^[A-Za-z0-9_-]{1,64}$/);
    const answers: string[] = [];
    for (const { name, call } of made)
      if (/_(with|_{3}|a_tool)/.test(name)) answers.push(JSON.stringify(await call({})));
    for (const server of servers)
      for (const name of strange)
        expect(
          answers.filter((one) => one.includes(`"${server} ran ${name}"`)),
          `${server}, ${name}`,
        ).toHaveLength(1);
  });

  test(`A3: a dead and a hung server cost ${adapter} their own tools alone, and come back`, async () => {
    const [good, hung] = [await chaos(), await chaos({ hangEverything: true })];
    const client = minion({
      good: { url: good.url },
      dead: { command: "/nowhere/to/be/found" },
      hung: { url: hung.url, connectTimeoutMs: 400, retry: false, breaker: false },
    });
    const failures: string[] = [];
    const options = { listTimeoutMs: 1_500, onFailure: ({ server }: { server: string }) => failures.push(server) };
    const made = await make(client, options);
    expect(made.length).toBeGreaterThan(20);
    expect(made.every(({ name }) => name.startsWith("mcp_good_"))).toBe(true);
    expect(failures.sort()).toEqual(["dead", "hung"]);
    hung.reset();
    hung.set({ hangEverything: false });
    await vi.waitFor(
      async () => expect((await make(client, options)).some(({ name }) => name.startsWith("mcp_hung_"))).toBe(true),
      { timeout: 40_000, interval: 200 },
    );
  });

  test(`A3: ${adapter} neither asks nor waits for a server that was not chosen`, async () => {
    const [good, hung] = [await chaos(), await chaos({ hangEverything: true })];
    const client = minion({ good: { url: good.url }, hung: { url: hung.url } });
    const onFailure = vi.fn();
    const made = await make(client, { servers: ["good"], onFailure });
    expect(made.length).toBeGreaterThan(20);
    expect(count(hung, "http")).toBe(0);
    expect(onFailure).not.toHaveBeenCalled();
    await expect(make(client, { servers: ["better"] })).rejects.toThrow(/There is no server "better"/);
  });

  test(`A8: ${adapter} lists what there is now; a tool that has gone answers with the server's error, once`, async () => {
    const extraTools = Array.from({ length: 5 }, (_, index) => ({ name: `extra${index}`, result: { content: [] } }));
    const { server, client } = await chaosAndMinion({ extraTools, tools: 200, pageSize: 50 });
    const before = await make(client);
    expect(before.length).toBeGreaterThanOrEqual(225);
    server.set({ extraTools: extraTools.slice(1) });
    server.listChanged();
    await vi.waitFor(async () => expect((await make(client)).length).toBe(before.length - 1), 20_000);
    const gone = before.find(({ name }) => name === "mcp_chaos_extra0");
    const answer = await gone?.call({}).catch(String);
    expect(JSON.stringify(answer)).toMatch(/extra0/);
    expect(count(server, "request", "extra0")).toBe(1);
  });

  test(`A11: ${adapter} lists and calls on behalf of its principal, with its deadline`, async () => {
    const asked: unknown[] = [];
    const tool = { server: "s", tool: "t", name: "mcp_s_t", inputSchema: { type: "object" as const } };
    const made = await make(
      {
        listAllTools: async (options) => {
          asked.push(options?.principal, options?.timeoutMs);
          return { tools: [tool], failures: [] };
        },
        callTool: async (_server, _tool, _args, options) => {
          asked.push(options?.principal, options?.timeoutMs);
          return { content: [] };
        },
      },
      { principal: "ada", timeoutMs: 1_234 },
    );
    await made[0]?.call({});
    expect(asked).toEqual(["ada", 10_000, "ada", 1_234]);
  });

  test(`A3: ${adapter} offers nothing by an async filter, and an async onFailure that fails rejects the listing`, async () => {
    const tool = { server: "s", tool: "t", name: "mcp_s_t", inputSchema: { type: "object" as const } };
    const source: Parameters<typeof make>[0] = {
      listAllTools: async () => ({ tools: [tool], failures: [{ server: "dead", error: new Error("down") }] }),
      callTool: async () => ({ content: [] }),
    };
    const none = async (): Promise<never> => {
      throw new Error("not yet");
    };
    const given = async (options: object) => make(source, options);
    await expect(given({ filter: none })).rejects.toThrow("filter must answer at once, got a promise");
    await expect(given({ onFailure: none })).rejects.toThrow("not yet");
    expect(await make(source, { filter: () => false })).toEqual([]);
  });

  test(`A9: ${adapter} neither connects, subscribes nor closes`, async () => {
    const { server, client } = await chaosAndMinion();
    const used: PropertyKey[] = [];
    const watched = new Proxy(client, {
      get: (target, name) => {
        used.push(name);
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as MinionClient;
    const made = await make(watched);
    await made.find(({ name }) => name === "mcp_chaos_echo")?.call({ text: "a" });
    expect(new Set(used)).toEqual(new Set(["listAllTools", "callTool"]));
    expect(count(server, "sessionClosed")).toBe(0);
  });

  test(`${adapter} refuses options that do not exist or are wrong`, async () => {
    const { client } = await chaosAndMinion();
    const wrong = async (options: object) => make(client, options);
    await expect(wrong({ server: ["chaos"] })).rejects.toThrow(/there is no option "server"; there are servers, /);
    await expect(wrong({ timeoutMs: -1 })).rejects.toThrow(/timeoutMs must be a positive number/);
    await expect(wrong({ servers: "chaos" })).rejects.toThrow(/servers must be a list of server names/);
  });
}

test("A8: a tool that appears in a run of OpenAI Agents is offered in the next turn of the same run", async () => {
  const { server, client } = await chaosAndMinion();
  const { model, asked } = openAiModel({ name: "mcp_chaos_chaos", args: { set: { extraTools: [{ name: "late" }] } } });
  await client.listAllTools();
  const agent = new Agent({ name: "tester", model, mcpServers: [toOpenAiServer(client)] });
  server.set({ callDelayMs: 0 });
  await new Runner({ tracingDisabled: true }).run(agent, "go");
  const names = asked.map(({ tools }) => tools.map((tool) => tool.name));
  expect(names[0]).not.toContain("mcp_chaos_late");
  server.listChanged();
  await vi.waitFor(async () =>
    expect((await toOpenAiServer(client).listTools()).map(({ name }) => name)).toContain("mcp_chaos_late"),
  );
});

test("A6: OpenAI Agents calls a tool by name that it has not listed in this process, as a resumed run does", async () => {
  const { client } = await chaosAndMinion();
  const server = toOpenAiServer(client);
  expect(await server.callTool("mcp_chaos_echo", { text: "resumed" })).toEqual([{ type: "text", text: "resumed" }]);
  await expect(server.callTool("mcp_chaos_none", {})).rejects.toThrow(/There is no tool "mcp_chaos_none"/);
});
