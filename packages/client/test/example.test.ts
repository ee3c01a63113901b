import { chaosCommand } from "@minion/chaos";
import { expect, onTestFinished, test, vi } from "vitest";
import { MinionClient } from "../src/index.js";
import { rejection, statusOf, until } from "./support.js";

test("Example: pool, cache, breaker and status of one server, all together, in one client", async () => {
  // 1. One client has all of them: the server's entry is what an mcp.json would say.
  const { command, args, env } = chaosCommand({ protocol: "legacy" });
  vi.stubEnv("GITHUB_TOKEN", "ghp_not-a-real-one");
  onTestFinished(() => void vi.unstubAllEnvs());
  const changes: string[] = [];
  const client = await MinionClient.fromConfig(
    {
      mcpServers: {
        github: { command, args: [...args], env: { ...env, GITHUB_PERSONAL_ACCESS_TOKEN: "$" + "{GITHUB_TOKEN}" } },
      },
    },
    {
      defaults: {
        maxConnections: 1,
        pool: { maxIdlePerKey: 1, maxIdleMs: 120_000 },
        cache: { ttlMs: 300_000 },
        breaker: {
          failureThreshold: 5,
          failureRateThreshold: 0.5,
          openMs: 2_000,
          openJitter: 0,
          maxProbes: 3,
          successThreshold: 2,
        },
        retry: false,
      },
      onEvent: (event) => {
        if (event.type === "breaker") changes.push(`${event.from} > ${event.to}`);
      },
    },
  );
  onTestFinished(() => client.close());

  // 2. The first list is fetched, the second comes from the cache.
  const tools = await client.listTools("github");
  expect(await client.listTools("github")).toBe(tools);
  expect(statusOf(client, "github").cache).toMatchObject({ size: 1, hits: 1, misses: 1, hitRate: 0.5 });

  // 3. A call by the name that a model is given.
  const { tools: offered } = await client.listAllTools();
  expect(offered.map(({ name }) => name)).toContain("mcp_github_echo");
  const result = await client.callQualified("mcp_github_echo", { text: "octocat" });
  expect(result.content).toEqual([{ type: "text", text: "octocat" }]);

  // 4. Ten more calls share one connection; the token reached the server.
  const calls = Array.from({ length: 10 }, (_, index) => client.callTool("github", "add", { a: index, b: 1 }));
  expect(await Promise.all(calls)).toHaveLength(10);
  const { content } = await client.callTool("github", "env", { names: ["GITHUB_PERSONAL_ACCESS_TOKEN"] });
  expect(JSON.stringify(content)).toContain("ghp_not-a-real-one");
  expect(statusOf(client, "github").pool).toMatchObject({ total: 1, idle: 1, leased: 0 });

  // 5. A tool that fails is the tool's affair; a server that crashes five times is left alone ...
  expect(await client.callTool("github", "fail")).toMatchObject({ isError: true });
  for (let i = 0; i < 5; i++) {
    const error = await rejection(client.callTool("github", "crash", { when: "before", key: `k${i}` }));
    expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN", delivery: "sent" });
  }
  expect(changes).toEqual(["closed > open"]);
  expect(statusOf(client, "github")).toMatchObject({ health: "unavailable", breaker: { state: "open" } });
  expect(await rejection(client.callTool("github", "echo", { text: "x" }))).toMatchObject({
    code: "ERR_MCP_UNAVAILABLE",
  });

  // 6. ... and comes back by itself: a ping and a call prove it.
  await until(() => statusOf(client, "github").breaker?.state !== "open", "the end of the rest");
  expect(await client.callTool("github", "echo", { text: "back" })).toMatchObject({ content: [{ text: "back" }] });
  expect(changes).toEqual(["closed > open", "open > half-open", "half-open > closed"]);

  // 7. The figures of everything.
  const status = statusOf(client, "github");
  expect(status).toMatchObject({ health: "healthy", tools: tools.length, connected: true, calls: { inFlight: 0 } });
  expect(status.calls.total).toBe(status.calls.succeeded + status.calls.failed + status.calls.cancelled);
  expect(JSON.stringify(client.status())).not.toContain("ghp_not-a-real-one");

  // 8. Nothing outlives the client.
  await client.close();
  expect(statusOf(client, "github").pool).toMatchObject({ total: 0 });
}, 90_000);
