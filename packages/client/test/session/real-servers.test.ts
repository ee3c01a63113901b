import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChaosServer } from "@minion/chaos";
import { Client as ClientV2, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CustomServer } from "../../src/config/server-config.js";
import { chaosStdio, type Opened, open, rejection, temporaryFolder, until } from "./support.js";

const timeout = 60_000;
const never = new AbortController().signal;

function script(server: string): string {
  return fileURLToPath(
    new URL(`../../node_modules/@modelcontextprotocol/server-${server}/dist/index.js`, import.meta.url),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts server-everything on a port and waits until it listens. */
async function startEverything(
  kind: "streamableHttp" | "sse",
  path: string,
  port?: number,
): Promise<{ url: string; child: ChildProcess; port: number }> {
  port ??= await freePort();
  const child = spawn(process.execPath, [script("everything"), kind], {
    env: { ...process.env, PORT: String(port) },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}${path}`;
  let listens = false;
  const deadline = performance.now() + 30_000;
  while (!listens && performance.now() < deadline) {
    listens = await fetch(`http://127.0.0.1:${port}/nothing`).then(
      () => true,
      () => new Promise<false>((resolve) => setTimeout(resolve, 50, false)),
    );
  }
  return { url, child, port };
}

async function toolsOf({ connection }: Opened): Promise<unknown[]> {
  const list = await connection.send({ method: "tools/list" }, { signal: never });
  return typeof list === "object" && list !== null && "tools" in list && Array.isArray(list.tools) ? list.tools : [];
}

describe("server-everything", () => {
  const exercise = async (opened: Opened): Promise<void> => {
    expect(await opened.call("echo", { message: "hi" })).toMatchObject({ content: [{ text: "Echo: hi" }] });
    expect((await toolsOf(opened)).length).toBeGreaterThanOrEqual(13);
    const seen: number[] = [];
    const long = { duration: 0.2, steps: 4 };
    await opened.call("trigger-long-running-operation", long, { onProgress: ({ progress }) => seen.push(progress) });
    expect(seen).toEqual([1, 2, 3, 4]);
    await opened.connection.ping(never);
    await opened.connection.close();
    expect(opened.deaths).toEqual([]);
  };

  test("M13: over stdio", { timeout }, async () => {
    await exercise(await open({ command: process.execPath, args: [script("everything"), "stdio"] }));
  });

  test("M13: over streamable HTTP", { timeout }, async () => {
    const { url } = await startEverything("streamableHttp", "/mcp");
    await exercise(await open({ url }));
  });

  test("M13: over SSE", { timeout }, async () => {
    const { url } = await startEverything("sse", "/sse");
    await exercise(await open({ type: "sse", url }));
  });

  /** Kills a server under a call, which fails at once. */
  async function killUnderCall({ call }: Opened, child: ChildProcess): Promise<void> {
    await call("echo", { message: "hi" });
    const onSent = () => void child.kill("SIGKILL");
    const calling = call("trigger-long-running-operation", { duration: 30, steps: 2 }, { onSent });
    expect(await rejection(calling)).toMatchObject({ kind: "closed" });
  }

  test("M6: killed over SSE, its death is noticed", { timeout }, async () => {
    const { url, child } = await startEverything("sse", "/sse");
    const opened = await open({ type: "sse", url });
    await killUnderCall(opened, child);
    await until(() => opened.deaths.length === 1, "the connection is of no use");
  });

  test("M6, M3: killed over streamable HTTP, a call fails at once; the server that comes after it shows that the session is lost", {
    timeout,
  }, async () => {
    const { url, child, port } = await startEverything("streamableHttp", "/mcp");
    const opened = await open({ url });
    await killUnderCall(opened, child);
    // A session is bound to no socket: whether it is lost nobody can know before there is a server again.
    await startEverything("streamableHttp", "/mcp", port);
    await until(() => opened.deaths.length === 1, "the stream is asked for again, and refused", 40_000);
    expect(opened.deaths).toMatchObject([{ kind: "session-lost" }]);
  });
});

describe("other servers of the project", () => {
  test("M13: filesystem", { timeout }, async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "note.txt"), "remember the milk");
    const opened = await open({ command: process.execPath, args: [script("filesystem"), folder] });
    const read = await opened.call("read_text_file", { path: join(folder, "note.txt") });
    expect(read).toMatchObject({ structuredContent: { content: "remember the milk" } });
    expect(await toolsOf(opened)).toHaveLength(14);
    expect(await opened.call("read_text_file", { path: "/etc/hostname" })).toMatchObject({ isError: true });
  });

  test("M13: memory", { timeout }, async () => {
    const env = { MEMORY_FILE_PATH: join(temporaryFolder(), "memory.json") };
    const opened = await open({ command: process.execPath, args: [script("memory")], env });
    await opened.call("create_entities", {
      entities: [{ name: "ann", entityType: "person", observations: ["likes tea"] }],
    });
    expect(await opened.call("read_graph")).toMatchObject({ structuredContent: { entities: [{ name: "ann" }] } });
  });

  test("M12: sequential-thinking keeps its state in one session", { timeout }, async () => {
    const opened = await open({ command: process.execPath, args: [script("sequential-thinking")] });
    const think = (thoughtNumber: number): Promise<unknown> =>
      opened.call("sequentialthinking", { thought: "so", nextThoughtNeeded: true, thoughtNumber, totalThoughts: 3 });
    expect(await think(1)).toMatchObject({ structuredContent: { thoughtHistoryLength: 1 } });
    expect(await think(2)).toMatchObject({ structuredContent: { thoughtHistoryLength: 2 } });
  });
});

describe("the two lines of the SDK", () => {
  const lines = ["v1", "v2", "v2 that negotiates"] as const;

  function viaV2(negotiates: boolean, target: ReturnType<typeof chaosStdio>["target"]): CustomServer {
    return {
      connect: async () => {
        const client = new ClientV2(
          { name: "test", version: "1.0.0" },
          { versionNegotiation: { mode: negotiates ? "auto" : "legacy" } },
        );
        await client.connect(
          new StdioClientTransport({ command: target.command, args: [...target.args], env: target.env }),
        );
        return client;
      },
    };
  }

  test.each(lines)("M13: %s, side by side, gives the same", { timeout }, async (line) => {
    const { target, journal } = chaosStdio();
    const opened = await open(line === "v1" ? target : viaV2(line === "v2 that negotiates", target));
    const { call, connection, deaths } = opened;
    expect(connection.serverInfo.capabilities).toMatchObject({ tools: { listChanged: true } });
    expect(await call("structured")).toMatchObject({ structuredContent: { sum: 3 } });
    const seen: number[] = [];
    await call("progress", { steps: 10, ms: 0 }, { onProgress: ({ progress }) => seen.push(progress) });
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await connection.ping(never);
    expect(await rejection(call("rpcError", { code: -32_050 }))).toMatchObject({
      kind: "rpc",
      cause: { code: -32_050 },
    });
    await call("chaos", { action: "listChanged", count: 5 });
    await until(
      () => opened.notifications.filter((method) => method.endsWith("tools/list_changed")).length === 5,
      "five notifications",
    );

    const controller = new AbortController();
    const hanging = rejection(call("hang", {}, { signal: controller.signal }));
    await until(
      () => journal().some((entry) => entry.event === "request" && entry.tool === "hang"),
      "the call arrives",
    );
    controller.abort("given up");
    expect(await hanging).toBe("given up");
    await until(() => journal().some((entry) => entry.event === "cancelled"), "the server is told");

    expect(await rejection(call("crash", { when: "after", key: "once" }))).toMatchObject({
      kind: "closed",
      delivery: "sent",
    });
    expect(await rejection(call("echo", { text: "hi" }))).toMatchObject({ kind: "closed", delivery: "not-sent" });
    expect(deaths).toHaveLength(1);
  });

  test("M3, M4: v2 over streamable HTTP tells refusals and a lost session apart", { timeout }, async () => {
    const server = await startChaosServer({ protocol: "legacy", faults: { reply: "sse" } });
    onTestFinished(() => server.close());
    const connect = async (): Promise<ClientV2> => {
      const client = new ClientV2({ name: "test", version: "1.0.0" });
      await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
      return client;
    };
    const { call, deaths } = await open({ connect });
    server.set({ status: 503, only: "calls", times: 1 });
    expect(await rejection(call("readOnly"))).toMatchObject({ kind: "http", status: 503, delivery: "sent" });
    server.forgetSessions();
    expect(await rejection(call("readOnly"))).toMatchObject({ kind: "session-lost", delivery: "not-sent" });
    expect(deaths).toHaveLength(1);
    expect(await rejection(call("readOnly"))).toMatchObject({ kind: "session-lost", delivery: "not-sent" });
  });
});
