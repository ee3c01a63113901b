import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { spawnChaosServer } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { expect, onTestFinished, test } from "vitest";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

interface Replica {
  readonly process: ChildProcess;
  readonly port: number;
  isListed: boolean;
}

/** A gateway in a process of its own, over one server. */
async function startReplica(url: string): Promise<Replica> {
  const folder = mkdtempSync(join(tmpdir(), "minion-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "mcp.json");
  writeFileSync(
    file,
    JSON.stringify({
      mcpServers: { chaos: { url, maxConnections: 32 } },
      gateway: { drain: { delayMs: 500, graceMs: 60_000 } },
    }),
  );
  const child = spawn(process.execPath, [cli, "--config", file, "--port", "0"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stderr })) {
    const port = /serving MCP at http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return { process: child, port: Number(port), isListed: true };
  }
  throw new Error("The gateway ended before it served");
}

/** A balancer: each request goes to the next replica, without stickiness; one that cannot be connected to is left out. */
async function balance(replicas: readonly Replica[]): Promise<string> {
  let next = 0;
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => {
      const pass = (tries: number): void => {
        const listed = replicas.filter(({ isListed }) => isListed);
        const replica = listed[next++ % listed.length];
        if (replica === undefined || tries === 0) return void answer.writeHead(503).end();
        const { method, headers, url } = incoming;
        const outgoing = httpRequest({
          port: replica.port,
          host: "127.0.0.1",
          method,
          headers,
          path: url,
          agent: false,
        });
        outgoing.on("response", (response) => {
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer);
          response.on("error", () => answer.destroy());
        });
        outgoing.on("error", (error) => {
          if (Reflect.get(error, "code") === "ECONNREFUSED") {
            replica.isListed = false;
            pass(tries - 1);
          } else answer.destroy();
        });
        answer.on("close", () => outgoing.destroy());
        outgoing.end(Buffer.concat(chunks));
      };
      pass(replicas.length);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp`;
}

/** What became of the calls of 64 callers, half of them unsafe, while something happened to a replica. */
async function load(url: string, callsEach: number, afterCalls: number, happens: () => void) {
  await using client = new MinionClient({ servers: { fleet: { url, maxConnections: 64, maxCallsPerConnection: 8 } } });
  await client.listTools("fleet");
  const outcomes: { readonly key: string; readonly isSafe: boolean; readonly error: unknown }[] = [];
  const caller = async (id: number): Promise<void> => {
    for (let call = 0; call < callsEach; call += 1) {
      const isSafe = (id + call) % 2 === 0;
      const key = `${id}-${call}`;
      const tool = isSafe ? "mcp_chaos_sideEffectIdempotent" : "mcp_chaos_sideEffect";
      const error: unknown = await client.callTool("fleet", tool, { key }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      outcomes.push({ key, isSafe, error });
      if (outcomes.length === afterCalls) happens();
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, id) => caller(id)));
  return outcomes;
}

test("G2: one of three replicas is killed under 64 callers: no safe call is lost, no unsafe one runs twice", async () => {
  await using chaos = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(chaos.url)));
  const url = await balance(replicas);
  const outcomes = await load(url, 8, 200, () => replicas[1]?.process.kill("SIGKILL"));
  const lost = outcomes.filter(({ error }) => error !== undefined);
  const ran = chaos.journal().flatMap((entry) => (entry.event === "sideEffect" ? [entry] : []));
  const timesRun = (key: string): number => ran.filter((entry) => entry.key === key).length;
  const unsafe = outcomes.filter(({ isSafe }) => !isSafe);
  expect(outcomes).toHaveLength(512);
  expect(replicas[1]?.process.signalCode).toBe("SIGKILL");
  expect(lost.filter(({ isSafe }) => isSafe)).toEqual([]);
  expect(new Set(lost.map(({ error }) => Reflect.get(Object(error), "code")))).toEqual(
    new Set(lost.length === 0 ? [] : ["ERR_MCP_OUTCOME_UNKNOWN"]),
  );
  expect(unsafe.filter(({ key }) => timesRun(key) > 1)).toEqual([]);
  expect(unsafe.filter(({ key, error }) => error === undefined && timesRun(key) !== 1)).toEqual([]);
  console.log(
    `G2: ${outcomes.length} calls, 0 safe ones lost, ${lost.length} unsafe ones of unknown outcome, 0 run twice`,
  );
});

test("G4: a replica that is told to end under 64 callers loses nothing, unsafe calls included", async () => {
  await using chaos = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(chaos.url)));
  const url = await balance(replicas);
  const [first] = replicas;
  const outcomes = await load(url, 6, 100, () => {
    // The balancer sees at its next check that it is not ready.
    first?.process.kill("SIGTERM");
    if (first !== undefined) first.isListed = false;
  });
  expect(outcomes).toHaveLength(384);
  expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
  const keys = chaos.journal().flatMap((entry) => (entry.event === "sideEffect" ? [entry.key] : []));
  expect(new Set(keys).size).toBe(keys.length);
  if (first?.process.exitCode === null) await once(first.process, "exit");
  expect(first?.process.exitCode).toBe(0);
});
