import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { MinionClient } from "../../src/index.js";
import { memoryServer, rejection, start, until } from "../support.js";

test("M1: a list has one deadline over all its pages, over a connection of one's own too", async () => {
  let pages = 0;
  const server = memoryServer({
    list: async () => {
      pages += 1;
      const end = performance.now() + 50;
      await until(() => performance.now() >= end, "a page takes its time");
      return { tools: [], nextCursor: `page ${pages}` };
    },
  });
  const { client } = start({ one: server.config });
  await using session = await client.session("one");
  for (const list of [client, session]) {
    pages = 0;
    const options = { timeoutMs: 220 };
    const listing = list === client ? client.listTools("one", options) : session.listTools(options);
    expect(await rejection(listing)).toMatchObject({ code: "ERR_MCP_TIMEOUT", timeoutMs: 220, delivery: "sent" });
    // Where each page had a deadline of its own there would be no end of them.
    expect(pages).toBeLessThanOrEqual(5);
  }
});

const operations: Readonly<Record<string, (client: MinionClient, timeoutMs: number) => Promise<unknown>>> = {
  "a call": (client, timeoutMs) => client.callTool("one", "pay", {}, { timeoutMs }),
  "a list": (client, timeoutMs) => client.listTools("one", { timeoutMs }),
  "any request": (client, timeoutMs) => client.request("one", "resources/read", { uri: "a:b" }, { timeoutMs }),
  "connect()": async (client, timeoutMs) => {
    const { failures } = await client.connect({ timeoutMs });
    throw failures[0]?.error;
  },
};

test.each(Object.keys(operations))(
  "M1: %s whose deadline ends while the connection is being opened is not-sent, with the server's last words as cause",
  { timeout: 60_000 },
  async (name) => {
    const folder = mkdtempSync(join(tmpdir(), "minion-deadline-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const said = join(folder, "said");
    const script = `process.stderr.write("cannot reach upstream\\n", () => require("fs").writeFileSync(${JSON.stringify(said)}, "")); setInterval(() => {}, 1_000);`;
    const { client } = start({ one: { command: process.execPath, args: ["-e", script] } });
    const opening = rejection(client.callTool("one", "first"));
    await until(() => existsSync(said), "the server says so");
    const error = await rejection(operations[name]?.(client, 200) ?? Promise.resolve());
    expect(error).toMatchObject({
      code: "ERR_MCP_TIMEOUT",
      delivery: "not-sent",
      message: expect.stringMatching(/never got it.*slow to start.*still being opened[\s\S]*cannot reach upstream/),
      cause: { code: "ERR_MCP_CONNECT", stderrTail: expect.stringContaining("cannot reach upstream") },
    });
    await client.close({ graceMs: 0 });
    await opening;
  },
);
