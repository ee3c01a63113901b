import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { sessionServer } from "../connections/session-server.js";
import { ofType, rejection, start, statusOf, until } from "../support.js";
import { chaosHttp, chaosStdio, count, refusedUrl } from "../support-client.js";

const timeout = 60_000;

test.each([16, 64])(
  "M9: one SIGKILL under %i safe calls: all succeed on the next process, the breaker stays closed",
  { timeout },
  async (calls) => {
    const { config, journal } = await chaosStdio();
    const { client, events } = start({ one: { ...config, maxCallsPerConnection: 64 } });
    await client.listTools("one");
    const all = Array.from({ length: calls }, () => client.callTool("one", "slow", { ms: 600 }, { idempotent: true }));
    await until(() => count(journal(), "request", { tool: "slow" }) === calls, "all calls arrive");
    const spawned = journal().find((entry) => entry.event === "spawn");
    process.kill(Number(Reflect.get(Object(spawned), "pid")), "SIGKILL");
    await Promise.all(all);
    expect(ofType(events, "breaker")).toEqual([]);
    expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
    expect(count(journal(), "spawn")).toBe(2);
  },
);

test("M9: 20 calls that wait for one connection in vain are one failed connect", async () => {
  const { client } = start({ one: { url: await refusedUrl(), retry: false } });
  await Promise.all(Array.from({ length: 20 }, () => rejection(client.callTool("one", "echo"))));
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
});

test("M9: 20 calls whose time ends while one connection is being opened are one failure", { timeout }, async () => {
  const chaos = await chaosHttp({ hangInitialize: true });
  const { client } = start({ one: { url: chaos.url } });
  const calls = Array.from({ length: 20 }, () => rejection(client.callTool("one", "echo", {}, { timeoutMs: 300 })));
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ delivery: "not-sent" });
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
});

test("M9: an initialize that is refused, or answered by an error, is a failed connect for breaker and health", async () => {
  for (const status of [400, 500]) {
    const chaos = await chaosHttp({ status });
    const { client } = start({ one: { url: chaos.url, retry: false, breaker: { failureThreshold: 1 } } });
    await rejection(client.callTool("one", "echo"));
    expect(statusOf(client, "one")).toMatchObject({ health: "unavailable", breaker: { state: "open" } });
  }
});

test("M4: what the application's headers() throws is an AuthorizationError, not sent, not repeated, and nobody's fault", async () => {
  const server = await sessionServer();
  const thrown = new Error("the vault is sealed");
  let isSealed = false;
  const headers = async (): Promise<Record<string, string>> => {
    if (isSealed) throw thrown;
    return {};
  };
  const { client, events } = start({ one: { url: server.url, headers, breaker: { failureThreshold: 1 } } });
  await client.callTool("one", "echo");
  isSealed = true;
  const error = await rejection(client.callTool("one", "echo", {}, { idempotent: true }));
  expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent", cause: thrown });
  expect(ofType(events, "retry")).toEqual([]);
  expect(statusOf(client, "one")).toMatchObject({ health: "healthy", breaker: { state: "closed", failures: 0 } });
});

test("M9: behind a balancer, one of two replicas killed: 400 of 400 calls, the breaker stays closed", {
  timeout,
}, async () => {
  const underWay = new Set<unknown>();
  let calls = 0;
  let isKilled = false;
  const answering = async (isFirst: boolean) => {
    const server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(text);
      if (id === undefined) return response.writeHead(202).end();
      const begun = {
        protocolVersion: params?.protocolVersion,
        capabilities: {},
        serverInfo: { name: "r", version: "1" },
      };
      const result = method === "initialize" ? begun : { content: [] };
      const reply = () => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
      };
      if (method !== "tools/call") return reply();
      if (isFirst) underWay.add(response.once("close", () => underWay.delete(response)));
      // On any machine it is killed in the middle of several answers, since it holds them back until then.
      if (!isFirst || calls <= 100 || isKilled) setTimeout(reply, 20);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return server;
  };
  const replicas = [await answering(true), await answering(false)] as const;
  const ports = replicas.map((replica) => (replica.address() as AddressInfo).port);
  let turn = 0;
  const balancer = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const send = (index: number, mayMove: boolean): void => {
      const port = ports[index];
      const { method, headers, url: path } = request;
      const up = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      up.on("error", (error) => {
        if (Reflect.get(error, "code") === "ECONNREFUSED" && mayMove) send(1 - index, false);
        else if (response.headersSent) response.destroy();
        else response.writeHead(502).end("bad gateway");
      });
      up.end(Buffer.concat(chunks));
    };
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => send(turn++ % 2, true));
  });
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  onTestFinished(() => {
    balancer.closeAllConnections();
    balancer.close();
  });
  const { client, events } = start({
    one: { url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/mcp` },
  });
  const caller = async (): Promise<void> => {
    while (calls < 400) {
      calls += 1;
      if (calls > 100 && !isKilled && underWay.size >= 5) {
        isKilled = true;
        replicas[0].close();
        replicas[0].closeAllConnections();
      }
      await client.callTool("one", "echo", {}, { idempotent: true });
    }
  };
  await Promise.all(Array.from({ length: 16 }, caller));
  expect(isKilled).toBe(true);
  expect(ofType(events, "callFinished").filter(({ outcome }) => outcome === "success").length).toBeGreaterThanOrEqual(
    400,
  );
  expect(ofType(events, "breaker")).toEqual([]);
});
