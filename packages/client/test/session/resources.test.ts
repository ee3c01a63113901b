import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { startApplicationOf } from "./application.js";
import { type TransportName, transports } from "./fault-runner.js";
import { chaosStdio, type Opened, open, rejection, until } from "./support.js";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

async function connectTo(transport: TransportName): Promise<Opened> {
  if (transport === "stdio") return open(chaosStdio().target);
  const server = await startChaosServer({
    protocol: "legacy",
    faults: { reply: transport === "http, SSE replies" ? "sse" : "json" },
  });
  onTestFinished(() => server.close());
  return open(transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url });
}

const plainServer = fileURLToPath(new URL("plain-server.mjs", import.meta.url));

/** The address of a server in a process of its own that refuses every call with 500. */
async function plainHttpServer(): Promise<string> {
  const child = spawn(process.execPath, [plainServer, "http"], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  const [url] = await once(createInterface(child.stdout), "line");
  return String(url);
}

test("the heap is flat over 10,000 calls", { timeout: 120_000 }, async () => {
  const application = await startApplicationOf([{ command: process.execPath, args: [plainServer] }], "heap");
  await until(() => application.lines.length === 2, "it has measured", 90_000);
  const [, measured] = application.lines;
  // 50 bytes a call: less than any object that could be left of one.
  expect(measured?.grownBytes).toBeLessThan(500_000);
});

test("the heap is flat over failing requests, which the SDK would keep", { timeout: 120_000 }, async () => {
  const { call } = await open({ url: await plainHttpServer() });
  const fail = async (count: number): Promise<number> => {
    for (let done = 0; done < count; done += 10)
      await Promise.all(Array.from({ length: 10 }, () => rejection(call("readOnly"))));
    for (let turn = 0; turn < 5; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    return process.memoryUsage().heapUsed;
  };
  const before = await fail(300);
  const after = await fail(1_500);
  // What the SDK would keep of each is more than this.
  expect((after - before) / 1_500).toBeLessThan(1_000);
});

test.each(transports)("M5: no handle is left over %s", { timeout: 60_000 }, async (transport) => {
  const before = process.getActiveResourcesInfo().sort();
  const count = (resources: readonly string[], name: string): number => resources.filter((one) => one === name).length;
  const names = ["ProcessWrap", "Timeout", "TCPSocketWrap", "PipeWrap", "TCPConnectWrap"];
  const { call, connection } = await connectTo(transport);
  const controller = new AbortController();
  const hanging = rejection(call("hang", {}, { signal: controller.signal }));
  await call("echo", { text: "hi" });
  controller.abort();
  await hanging;
  await connection.close();
  const grown = (): string[] => {
    const now = process.getActiveResourcesInfo();
    // The listening socket and the keep-alive connections of the test's own server come and go with it.
    return names.filter(
      (name) => count(now, name) > count(before, name) + (transport !== "stdio" && name === "TCPSocketWrap" ? 8 : 0),
    );
  };
  await until(() => grown().length === 0, `nothing more than before is active, but ${grown().join()}`);
});
