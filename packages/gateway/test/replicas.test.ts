import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { spawnChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { effects, load, type Replica, startReplica } from "./replicas.js";

interface Listed extends Replica {
  isListed: boolean;
}

/** Three gateways over one server. */
async function startThree(url: string): Promise<readonly Listed[]> {
  const started = await Promise.all([1, 2, 3].map(() => startReplica({ url, delayMs: 500 })));
  return started.map((replica) => ({ ...replica, isListed: true }));
}

/** A balancer: each request goes to the next replica, without stickiness; one that cannot be connected to is left out. */
async function balance(replicas: readonly Listed[]): Promise<string> {
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

test("G2, G4: under 64 callers one of three replicas is killed: no safe call is lost, no unsafe one runs twice; then one is told to end: nothing is lost, unsafe calls included", async () => {
  await using chaos = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas = await startThree(chaos.url);
  const url = await balance(replicas);
  const killed = await load(
    url,
    (calls) => calls < 6,
    (count) => count === 150 && replicas[1]?.process.kill("SIGKILL"),
  );
  const lost = killed.filter(({ error }) => error !== undefined);
  const ran = effects(chaos);
  const unsafe = killed.filter(({ isSafe }) => !isSafe);
  expect(killed).toHaveLength(384);
  expect(replicas[1]?.process.signalCode).toBe("SIGKILL");
  expect(lost.filter(({ isSafe }) => isSafe)).toEqual([]);
  expect(new Set(lost.map(({ error }) => Reflect.get(Object(error), "code")))).toEqual(
    new Set(lost.length === 0 ? [] : ["ERR_MCP_OUTCOME_UNKNOWN"]),
  );
  expect(unsafe.filter(({ key }) => (ran.get(key) ?? 0) > 1)).toEqual([]);
  expect(unsafe.filter(({ key, error }) => error === undefined && ran.get(key) !== 1)).toEqual([]);
  console.log(
    `G2: ${killed.length} calls, 0 safe ones lost, ${lost.length} unsafe ones of unknown outcome, 0 run twice`,
  );

  const [first] = replicas;
  const ended = await load(
    url,
    (calls) => calls < 4,
    (count) => {
      if (count !== 100 || first === undefined) return;
      // The balancer sees at its next check that it is not ready.
      first.process.kill("SIGTERM");
      first.isListed = false;
    },
  );
  expect(ended).toHaveLength(256);
  expect(ended.filter(({ error }) => error !== undefined)).toEqual([]);
  const keys = new Set(ended.map(({ key }) => key));
  expect([...effects(chaos)].filter(([key, times]) => keys.has(key) && times > 1)).toEqual([]);
  if (first?.process.exitCode === null) await once(first.process, "exit");
  expect(first?.process.exitCode).toBe(0);
}, 180_000);
