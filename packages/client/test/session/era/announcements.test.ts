import type { JournalEntry } from "@minion/chaos";
import { describe, expect, test } from "vitest";
import { ofType, start, until } from "../../support.js";
import { alive, count, quick } from "../../support-client.js";
import { command, eraChaos, grants, transports } from "./modern-chaos.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;
const hour = 3_600_000;
const isListening = {
  legacy: (journal: readonly JournalEntry[]) => count(journal, "http", { method: "GET" }) > 0,
  modern: (journal: readonly JournalEntry[]) => count(journal, "subscribed") > 0,
};
const uri = "chaos://resource/0";

test.each(["legacy", "modern"] as const)(
  "M4, M8: after a gap in what a %s server announces the hints of its tools still hold, though its lists are in doubt",
  { timeout },
  async (protocol) => {
    const server = await eraChaos("http", protocol, { ttlMs: hour });
    const { client, events } = start({ chaos: { ...server.config, ...policy } });
    await client.listTools("chaos");
    await until(() => isListening[protocol](server.journal()), "it is listened to");
    await command(client, { action: "dropStreams" });
    await until(() => ofType(events, "listChanged").some(({ list }) => list === "tools"), "the gap was told");
    await command(client, { set: { resetSocket: true, when: "after", only: "calls", times: 1 } });
    await client.callTool("chaos", "sideEffectIdempotent", { key: "safe" });
    expect(count(server.journal(), "sideEffect", { key: "safe" })).toBe(2);
    const before = count(server.journal(), "request", { method: "tools/list" });
    await client.listTools("chaos");
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(before + 1);
  },
);

describe.each(transports)("a subscription over %s", (transport) => {
  test("M19: a change of the tools is told, and the list that was kept is asked for again", { timeout }, async () => {
    const server = await eraChaos(transport, "modern", { ttlMs: hour });
    const { client, events } = start({ chaos: { ...server.config, ...policy } });
    await client.connect();
    await until(() => grants(server.journal()).length === 1, "the subscription was granted");
    const lists = (): number => count(server.journal(), "request", { method: "tools/list" });
    await client.listTools("chaos");
    await client.listTools("chaos");
    const before = lists();
    await command(client, { set: { tools: 3 } });
    await command(client, { action: "listChanged", list: "tools", count: 1 });
    await until(() => ofType(events, "listChanged").some(({ list }) => list === "tools"), "the change was told");
    const tools = await client.listTools("chaos");
    expect(tools.filter(({ name }) => name.startsWith("generated_"))).toHaveLength(3);
    // A change that is told during a fetch is worth another.
    expect([1, 2]).toContain(lists() - before);
    expect(grants(server.journal())[0]).toEqual({
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
    });
  });

  test.each(["cutStreams", "dropStreams"])(
    "M8: after %s another is asked for, and the gap marks the lists",
    {
      timeout,
    },
    async (action) => {
      const server = await eraChaos(transport, "modern", { ttlMs: hour });
      const { client, events } = start({ chaos: { ...server.config, ...policy } });
      await client.listTools("chaos");
      await until(() => grants(server.journal()).length === 1, "the subscription was granted");
      await command(client, { action });
      await until(() => grants(server.journal()).length === 2, "another subscription was granted");
      await until(() => ofType(events, "listChanged").some(({ list }) => list === "tools"), "the gap was told");
      const before = ofType(events, "listChanged").length;
      await command(client, { action: "listChanged", list: "prompts", count: 1 });
      await until(
        () =>
          ofType(events, "listChanged")
            .slice(before)
            .some(({ list }) => list === "prompts"),
        "the change was told",
      );
      await client.listTools("chaos");
      expect([2, 3]).toContain(count(server.journal(), "request", { method: "tools/list" }));
    },
  );

  test("M21: a subscribed resource is told of, over a cut too, until it is disposed", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    let told = 0;
    // A late acknowledgement may be told as a gap besides.
    const tellsMore = async (what: string, act: () => Promise<unknown>): Promise<void> => {
      const before = told;
      await act();
      await until(() => told > before, what);
    };
    const subscription = await client.subscribeResource("chaos", uri, () => {
      told += 1;
    });
    const granted = (): number =>
      grants(server.journal()).filter(({ resourceSubscriptions }) => resourceSubscriptions !== undefined).length;
    await until(() => granted() === 1, "the subscription was granted");
    const update = (): Promise<void> => command(client, { action: "resourceUpdated", uri, count: 1 });
    await tellsMore("the change was told", update);
    await tellsMore("the gap was told", () => command(client, { action: "cutStreams" }));
    expect(granted()).toBe(2);
    await tellsMore("the change after the cut was told", update);
    const ended = (): number => count(server.journal(), "unsubscribed", { how: "client" });
    const before = ended();
    await subscription[Symbol.asyncDispose]();
    await until(() => ended() > before, "the server was told of the end");
  });

  test.each(["empty", "silent", "refuse"] as const)(
    "M19: a server whose answer to it is %s is used all the same",
    {
      timeout,
    },
    async (listen) => {
      const server = await eraChaos(transport, "modern", { listen });
      const { client } = start({ chaos: { ...server.config, ...policy } });
      expect((await client.listTools("chaos")).length).toBeGreaterThan(10);
      await client.callTool("chaos", "echo", { text: "hello" });
    },
  );

  test("M19: nothing is asked for where nothing is announced, and closing ends what is", { timeout }, async () => {
    const quiet = await eraChaos(transport, "modern", { noListChanged: true });
    const loud = await eraChaos(transport);
    const { client } = start({
      quiet: { ...quiet.config, ...policy },
      loud: { ...loud.config, ...policy },
    });
    await client.listTools("quiet");
    await client.listTools("loud");
    await until(() => grants(loud.journal()).length === 1, "the subscription was granted");
    expect(count(quiet.journal(), "request", { method: "subscriptions/listen" })).toBe(0);
    await client.close();
    await until(
      () =>
        count(loud.journal(), "unsubscribed") === 1 || (transport === "stdio" && alive(loud.journal()).length === 0),
      "the subscription has ended",
    );
  });
});
