import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chaosCommand, startChaosServer } from "@minion/chaos";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test, vi } from "vitest";
import { legacyHost } from "./hosts.js";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** A gateway as a desktop host starts it. */
function desktop(content: object): StdioClientTransport {
  const folder = mkdtempSync(join(tmpdir(), "minion-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "mcp.json");
  writeFileSync(file, JSON.stringify(content));
  return new StdioClientTransport({ command: process.execPath, args: [cli, "--config", file], stderr: "ignore" });
}

test.each(["legacy", "modern"] as const)(
  "G10, G19: a desktop host over stdio is asked what a %s server asks, and the server that may not ask is told so",
  async (protocol) => {
    const { command, args, env } = chaosCommand({ protocol });
    const entry = { command, args, env };
    const mcpServers = { asks: entry, silent: entry };
    const host = await legacyHost(desktop({ mcpServers, gateway: { interactive: ["asks"] } }), { who: "ann" });
    const kinds = ["elicitation", "sampling", "roots"];
    const result = await host.request("tools/call", { name: "mcp_asks_ask", arguments: { kinds, rounds: 2 } });
    const { text } = Object(result).content[0];
    expect(JSON.parse(text)).toHaveLength(2);
    expect(text).toContain("file:///ann");
    await expect(
      host.request("tools/call", { name: "mcp_silent_ask", arguments: { kinds: ["roots"] } }),
    ).rejects.toThrow(/roots/);
  },
);

test("G8, G19: a desktop host over stdio subscribes to a resource, is told of its changes, and no more after it has had enough", async () => {
  await using chaos = await startChaosServer();
  const client = new Client({ name: "test", version: "1" });
  const told: string[] = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri));
  await client.connect(desktop({ mcpServers: { chaos: { url: chaos.url } } }));
  onTestFinished(() => client.close());
  expect(client.getServerCapabilities()?.resources).toEqual({ listChanged: true, subscribe: true });
  const [a, b] = ["chaos+chaos://text/a", "chaos+chaos://text/b"];
  await client.subscribeResource({ uri: a });
  await client.subscribeResource({ uri: b });
  await expect(client.subscribeResource({ uri: "nowhere+x://y" })).rejects.toMatchObject({ code: -32602 });
  chaos.resourceUpdated("chaos://text/a");
  await vi.waitFor(() => expect(told).toEqual([a]), 20_000);
  await client.unsubscribeResource({ uri: a });
  chaos.resourceUpdated("chaos://text/a");
  chaos.resourceUpdated("chaos://text/b");
  await vi.waitFor(() => expect(told).toEqual([a, b]), 20_000);
});
