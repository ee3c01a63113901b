import { spawnChaosServer, startChaosServer } from "@minion/chaos";
import { expect, test, vi } from "vitest";
import { answerOf, legacyClient, post, readUntil, startGateway } from "./support.js";

const listenTo = (...resourceSubscriptions: string[]) => ({ notifications: { resourceSubscriptions } });
const countOf = (text: string, what: string): number => text.split(what).length - 1;

test.each(["legacy", "modern"] as const)(
  "G8: a change of a resource of a %s server is told to the streams that have subscribed to it, and to no other",
  async (protocol) => {
    await using chaos = await startChaosServer({ protocol });
    const { url } = await startGateway(
      { chaos: { url: chaos.url } },
      { resources: { chaos: { deny: ["chaos://text/secret"] } } },
    );
    const wanted = [
      "chaos+chaos://text/a",
      "chaos+chaos://text/secret",
      "nowhere+chaos://text/a",
      "chaos://text/a",
      "x",
    ];
    const stream = await post(url, "subscriptions/listen", listenTo(...wanted));
    const other = await post(url, "subscriptions/listen", { notifications: { toolsListChanged: true } });
    const said = await readUntil(stream, (text) => text.includes("acknowledged"));
    expect(said).toContain('"notifications":{"resourceSubscriptions":["chaos+chaos://text/a"]}');
    chaos.resourceUpdated("chaos://text/b");
    chaos.resourceUpdated("chaos://text/a");
    const told = await readUntil(stream, (text) => text.includes("notifications/resources/updated"));
    expect(told).toContain('"uri":"chaos+chaos://text/a"');
    expect(told).not.toContain("chaos://text/b");
    chaos.listChanged(1, "tools");
    expect(await readUntil(other, (text) => text.includes("tools/list_changed"))).not.toContain("resources/updated");
    await Promise.all([stream.body?.cancel(), other.body?.cancel()]);
  },
);

test("G8: a server is told once of a resource that several streams want, and that nobody wants it when the last has gone", async () => {
  await using chaos = await spawnChaosServer({ protocol: "legacy" });
  const { url } = await startGateway({ chaos: { url: chaos.url } });
  const asked = (method: string): number =>
    chaos.journal().filter((entry) => entry.event === "request" && entry.method === method).length;
  const streams = await Promise.all(
    [1, 2, 3].map(() => post(url, "subscriptions/listen", listenTo("chaos+chaos://text/a"))),
  );
  await Promise.all(streams.map((stream) => readUntil(stream, (text) => text.includes("acknowledged"))));
  expect(asked("resources/subscribe")).toBe(1);
  await Promise.all(streams.slice(1).map((stream) => stream.body?.cancel()));
  await chaos.control({ action: "resourceUpdated", uri: "chaos://text/a" });
  const [first] = streams;
  if (first === undefined) throw new Error("There are three");
  expect(countOf(await readUntil(first, (text) => text.includes("resources/updated")), "resources/updated")).toBe(1);
  expect(asked("resources/unsubscribe")).toBe(0);
  await first.body?.cancel();
  await vi.waitFor(() => expect(asked("resources/unsubscribe")).toBe(1), 20_000);
});

test("G16: of a resource of a perUser server, a user's streams are told what its own connection says, and nothing that another user's says", async () => {
  await using chaos = await startChaosServer();
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const { url, client } = await startGateway(
    { own: { url: chaos.url }, shared: { url: chaos.url } },
    {
      perUser: ["own"],
      auth: {
        verify: async (id) => ({ id, scopes: [] }),
        resource: new URL("https://gateway.example/mcp"),
        authorizationServers: [],
      },
    },
  );
  const subscribed = vi.spyOn(client, "subscribeResource");
  const listening = listenTo("own+chaos://text/a", "own+chaos://text/b", "shared+chaos://text/c");
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map(async (user) => {
      const stream = await post(url, "subscriptions/listen", listening, as(user));
      await readUntil(stream, (text) => text.includes("acknowledged"));
      return stream;
    }),
  );
  if (ann === undefined || bob === undefined) throw new Error("There are two");
  /** What the client calls for a change that this user's connection tells of. */
  const change = (uri: string, user: string | undefined): void => {
    const call = subscribed.mock.calls.find(([, own, , options]) => own === uri && options?.principal === user);
    call?.[2]();
  };
  change("chaos://text/a", "ann");
  change("chaos://text/b", "bob");
  change("chaos://text/c", undefined);
  const last = (text: string): boolean => text.includes('"uri":"shared+chaos://text/c"');
  const urisIn = (text: string) => [...text.matchAll(/"uri":"([^"]*)"/g)].map(([, uri]) => uri);
  expect(urisIn(await readUntil(ann, last))).toEqual(["own+chaos://text/a", "shared+chaos://text/c"]);
  expect(urisIn(await readUntil(bob, last))).toEqual(["own+chaos://text/b", "shared+chaos://text/c"]);
  await Promise.all([ann.body?.cancel(), bob.body?.cancel()]);
});

test("G4: a stream that is told of resources ends with a result when the gateway ends", async () => {
  await using chaos = await startChaosServer();
  const { url, gateway } = await startGateway({ chaos: { url: chaos.url } });
  const stream = await post(url, "subscriptions/listen", listenTo("chaos+chaos://text/a"));
  await readUntil(stream, (text) => text.includes("acknowledged"));
  await gateway.close();
  await readUntil(stream, (text) => text.includes('"resultType":"complete"'));
});

test("G8: where no stream could tell of a resource, subscribing is not offered", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway({ chaos: { url: chaos.url } });
  const { result } = await answerOf(await post(url, "server/discover"));
  expect(result).toMatchObject({ capabilities: { resources: { subscribe: true, listChanged: true } } });
  const client = await legacyClient(url);
  const subscribe = client.request("resources/subscribe", { uri: "chaos+chaos://text/a" });
  await expect(subscribe).rejects.toMatchObject({ code: -32601 });
});
