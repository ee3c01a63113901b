import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chaosCommand, readJournal, startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test, vi } from "vitest";
import { readArguments } from "../src/cli-arguments.js";
import { readGatewayConfig } from "../src/gateway-config.js";
import { legacyClient, post } from "./support.js";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** A folder with an mcp.json, gone after the test. */
function config(content: object): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "mcp.json");
  writeFileSync(file, JSON.stringify(content));
  return file;
}

interface Running {
  readonly process: ChildProcess;
  readonly stdout: string[];
  stderr(): string;
  readonly ended: Promise<number | null>;
  send(message: object): void;
}

function run(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  const stdout: string[] = [];
  let stderr = "";
  createInterface({ input: child.stdout }).on("line", (line) => stdout.push(line));
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    process: child,
    stdout,
    stderr: () => stderr,
    ended,
    send: (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`),
  };
}

/** The URL that a gateway says it serves. */
async function urlOf(gateway: Running): Promise<string> {
  await vi.waitFor(() => expect(gateway.stderr()).toMatch(/serving MCP at \S+/), 60_000);
  return /serving MCP at (\S+)/.exec(gateway.stderr())?.[1] ?? "";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("G19: over stdio nothing but MCP is written, it ends with its input, and no process of a server is left", async () => {
  const journal = join(config({}), "..", "journal.jsonl");
  const { command, args, env } = chaosCommand({ journal });
  const gateway = run(["--config", config({ mcpServers: { chaos: { command, args, env } } })]);
  const answer = async (id: number): Promise<Record<string, unknown>> => {
    await vi.waitFor(() => expect(gateway.stdout.some((line) => JSON.parse(line).id === id)).toBe(true), 60_000);
    return JSON.parse(gateway.stdout.find((line) => JSON.parse(line).id === id) ?? "{}");
  };
  const clientInfo = { name: "test", version: "1" };
  gateway.send({
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo },
  });
  expect(await answer(1)).toMatchObject({
    result: { protocolVersion: "2025-06-18", serverInfo: { name: "minion-gateway" } },
  });
  gateway.send({ method: "notifications/initialized" });
  const named = { name: "mcp_chaos_echo", arguments: { text: "hello" } };
  gateway.send({ id: 2, method: "tools/call", params: named });
  expect(await answer(2)).toMatchObject({ result: { content: [{ text: "hello" }] } });
  gateway.send({ id: 3, method: "tools/call", params: { name: "mcp_chaos_hang", arguments: {} } });
  await vi.waitFor(
    () => expect(readJournal(journal)).toContainEqual(expect.objectContaining({ tool: "hang" })),
    60_000,
  );
  gateway.send({ method: "notifications/cancelled", params: { requestId: 3 } });
  await vi.waitFor(
    () => expect(readJournal(journal)).toContainEqual(expect.objectContaining({ event: "cancelled" })),
    60_000,
  );
  gateway.send({
    id: 4,
    method: "tools/call",
    params: { name: "mcp_chaos_chaos", arguments: { action: "listChanged" } },
  });
  await vi.waitFor(() => expect(gateway.stdout.join("")).toContain("notifications/tools/list_changed"), 60_000);
  gateway.process.stdin?.end();
  expect(await gateway.ended).toBe(0);
  for (const line of gateway.stdout) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
  const pids = [...new Set(readJournal(journal).map(({ pid }) => pid))];
  expect(pids.length).toBeGreaterThan(0);
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 60_000);
});

test("G4, G20: over HTTP both eras are served, and SIGTERM ends it with 0 once the calls in flight have ended", async () => {
  await using chaos = await startChaosServer();
  const file = config({
    mcpServers: { chaos: { url: chaos.url } },
    gateway: { drain: { delayMs: 50, graceMs: 60_000 } },
  });
  const gateway = run(["--config", file, "--port", "0", "--metrics-port", "0"]);
  const url = await urlOf(gateway);
  const ops = /serving metrics at (\S+)/.exec(gateway.stderr())?.[1] ?? "";
  await vi.waitFor(async () => expect((await fetch(`${ops}/readyz`)).status).toBe(200), 60_000);
  const client = await legacyClient(url);
  const slow = client.request("tools/call", { name: "mcp_chaos_slow", arguments: { ms: 6_000 } });
  const listen = await post(url, "subscriptions/listen", { notifications: { toolsListChanged: true } });
  await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining({ tool: "slow" })), 60_000);
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  expect(metrics).toMatch(/^minion_gateway_in_flight \d+$/m);
  expect(metrics).toMatch(/^minion_gateway_ready 1$/m);
  expect(metrics).toMatch(/^mcp_/m);
  const status = async (): Promise<unknown> => (await fetch(`${ops}/status`)).json();
  // One of the client's own, and one that was asked for.
  const expected = { ready: true, streams: 2, servers: [{ name: "chaos" }] };
  await vi.waitFor(async () => expect(await status()).toMatchObject(expected), 60_000);
  gateway.process.kill("SIGTERM");
  await vi.waitFor(async () => expect((await fetch(`${ops}/readyz`)).status).toBe(503), 60_000);
  expect((await fetch(`${ops}/livez`)).status).toBe(200);
  expect(await slow).toMatchObject({ content: [{ type: "text" }] });
  expect(await listen.text()).toMatch(/"result":\{"resultType":"complete"/);
  expect(await gateway.ended).toBe(0);
});

test("G18: a log that nobody reads any more, or whose disk is full, ends no call and no gateway", async () => {
  await using chaos = await startChaosServer();
  const gatewayBlock = { audit: true, drain: { delayMs: 0 } };
  const file = config({ mcpServers: { chaos: { url: chaos.url } }, gateway: gatewayBlock });
  const gateway = run(["--config", file, "--port", "0"]);
  const url = await urlOf(gateway);
  gateway.process.stderr?.destroy();
  for (let count = 1; count <= 5; count += 1) {
    const response = await post(url, "tools/list");
    expect(response.status).toBe(200);
    await response.text();
  }
  gateway.process.kill("SIGTERM");
  expect(await gateway.ended).toBe(0);
});

test("G4: a call that outlives its grace is answered: 503, sent, so that it is repeated elsewhere only where that is safe", async () => {
  await using chaos = await startChaosServer();
  const gatewayBlock = { drain: { delayMs: 0, graceMs: 100 } };
  const file = config({ mcpServers: { chaos: { url: chaos.url } }, gateway: gatewayBlock });
  const gateway = run(["--config", file, "--port", "0"]);
  const params = { name: "mcp_chaos_slow", arguments: { ms: 600_000 } };
  const call = fetch(await urlOf(gateway), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  });
  await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining({ tool: "slow" })), 60_000);
  gateway.process.kill("SIGTERM");
  const answer = await call;
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, null]);
  expect(await answer.json()).toMatchObject({
    error: { code: -32603, data: { code: "ERR_MCP_CLOSED", delivery: "sent" } },
  });
  expect(await gateway.ended).toBe(0);
});

test("G4: a call over a connection that was open when the drain began is served, however late it is sent", async () => {
  await using chaos = await startChaosServer();
  const file = config({
    mcpServers: { chaos: { url: chaos.url } },
    gateway: { drain: { delayMs: 1, graceMs: 60_000 } },
  });
  const gateway = run(["--config", file, "--port", "0"]);
  const url = new URL(await urlOf(gateway));
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, "connect");
  // The gateway hears of the connection before it does of the signal: what was opened after is answered already.
  const before = await fetch(new URL("/", url));
  await before.text();
  // Idle for less than that, a connection is ended by no replica while a balancer sends a call over it.
  expect(before.headers.get("keep-alive")).toBe("timeout=75");
  gateway.process.kill("SIGTERM");
  await vi.waitFor(() => expect(gateway.stderr()).toContain("draining"), 60_000);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
  const head = ["POST /mcp HTTP/1.1", `Host: ${url.host}`, "Accept: application/json, text/event-stream"];
  head.push("Content-Type: application/json", `Content-Length: ${body.length}`, "", body);
  socket.write(head.join("\r\n"));
  const [answer] = await once(socket, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
  expect(await gateway.ended).toBe(0);
});

test("--check prints a table of the servers, what is wrong and what to do, and exits with 1 where one fails", async () => {
  await using chaos = await startChaosServer();
  const dead = chaosCommand({ faults: { failStart: "cannot find the database" } });
  const good = { url: chaos.url, oauth: { clientId: "a" } };
  const whole = run(["--config", config({ mcpServers: { good } }), "--check"]);
  expect(await whole.ended).toBe(0);
  expect(whole.stdout[0]).toMatch(/^server +state +transport +protocol +tools +resources +prompts +connected in$/);
  expect(whole.stdout[1]).toMatch(/^good +ok +http +\d{4}-\d\d-\d\d \((legacy|modern)\) +\d+ +\d+ +\d+ +\d+ ms$/);
  const { command, args, env } = dead;
  const broken = run([
    "--config",
    config({
      mcpServers: {
        good,
        dead: { command, args, env, retry: false },
        wrong: { command: "" },
        off: { command: "x", disabled: true },
      },
    }),
    "--check",
  ]);
  expect(await broken.ended).toBe(1);
  const text = broken.stdout.join("\n");
  expect(text).toMatch(/^dead +FAILED +stdio/m);
  expect(text).toContain("cannot find the database");
  expect(text).toMatch(/^wrong +FAILED/m);
  expect(text).toContain("what to do: correct its entry in the configuration");
  expect(text).toMatch(/^off +ok/m);
});

test("a configuration that is wrong names its key", async () => {
  const servers = { mcpServers: { chaos: { url: "http://127.0.0.1:9/mcp" } } };
  const keys = (key: string): object => ({ auth: { type: "keys", keys: { a: key } } });
  const variable = (reference: string): string => ["$", "{", reference, "}"].join("");
  const cases: readonly (readonly [block: unknown, problem: RegExp])[] = [
    [{ namez: {} }, /gateway\.namez: the key is unknown/],
    [{ limits: { maxBody: 1 } }, /gateway\.limits\.maxBody: the key is unknown/],
    [{ limits: { maxStreams: "1" } }, /gateway\.limits\.maxStreams: it must be a number/],
    [{ drain: 5 }, /gateway\.drain: it must be an object/],
    [{ sessions: {} }, /gateway\.sessions: this version of the gateway cannot do that yet/],
    [{ quotas: {} }, /gateway\.quotas: it must be an array/],
    [{ quotas: [{ per: ["user"], limit: 1, perMs: 1_000 }] }, /gateway\.quotas\[0\]\.per: it must be an array of/],
    [{ quotas: [{ per: [], limit: 0, perMs: 1_000 }] }, /gateway\.quotas\[0\]\.limit: it must be a positive integer/],
    [{ quotas: [{ per: [], limit: 1, perMs: 1_500 }] }, /gateway\.quotas\[0\]\.perMs: it must be .* multiple of 1000/],
    [{ quotas: [{ per: [], limit: 1, perMs: 1_000, by: 1 }] }, /gateway\.quotas\[0\]\.by: the key is unknown/],
    [{ redis: { url: "redis://a" } }, /gateway\.redis\.url: the key is unknown.*--redis or MINION_REDIS_URL/],
    [
      keys(["$", "{env:MINION_NONE}"].join("")),
      /gateway\.auth\.keys\.a: the environment variable MINION_NONE is not set/,
    ],
    [keys(variable("env:MINION_NONE:-")), /the environment variable MINION_NONE is not set/],
    [keys(variable("env.KEY")), /gateway\.auth\.keys\.a: it holds a variable that is none/],
    [keys("$KEY"), /gateway\.auth\.keys\.a: a variable is written/],
    [keys("%KEY%"), /gateway\.auth\.keys\.a: a variable is written/],
    [keys(variable("constructor")), /the environment variable constructor is not set/],
    [keys("two words"), /gateway\.auth\.keys\.a: it has a character that no bearer token can have/],
    [{ auth: { type: "keys", keys: { a: "same", b: "same" } } }, /gateway\.auth\.keys\.a: it is the key of b too/],
    [
      { auth: { type: "oauth", issuer: "x", resource: "https://a.example" } },
      /gateway\.auth\.issuer: it must be a URL/,
    ],
    [{ names: 5 }, /gateway\.names: it must be an object/],
    [{ auth: { type: "basic" } }, /gateway\.auth\.type: it must be "keys" or "oauth"/],
    [{ auth: { type: "oauth", issuer: "https://a.example" } }, /gateway\.auth\.resource: it must be/],
    [[], /gateway: it must be an object/],
  ];
  for (const [gateway, problem] of cases)
    await expect(readGatewayConfig(config({ ...servers, gateway }), {})).rejects.toThrow(problem);
  const read = await readGatewayConfig(config({ ...servers, gateway: keys(["$", "{env:KEY}"].join("")) }), {
    KEY: "k",
  });
  expect(read.auth).toMatchObject({ type: "keys", keys: { a: "k" } });
  const other = await readGatewayConfig(config({ ...servers, gateway: keys(variable("env:NONE:-d")) }), {});
  expect(other.auth).toMatchObject({ type: "keys", keys: { a: "d" } });
  await expect(readGatewayConfig("/nowhere/mcp.json", {})).rejects.toThrow(/cannot be read/);
  const utf16 = config({});
  writeFileSync(utf16, Buffer.from(`\uFEFF${JSON.stringify({ ...servers, gateway: { pageSize: 7 } })}`, "utf16le"));
  expect((await readGatewayConfig(utf16, {})).options.pageSize).toBe(7);
  expect(() => readArguments(["--config", "a", "--port", "70000"])).toThrow(/--port must be a port/);
  expect(() => readArguments(["--config", "a", "--prot", "1"])).toThrow(/--prot/);
  expect(() => readArguments([])).toThrow(/--config FILE is needed/);
  for (const [flag = "", ...value] of [
    ["--host", "0.0.0.0"],
    ["--metrics-port", "9464"],
    ["--path", "/"],
    ["--insecure"],
  ]) {
    expect(() => readArguments(["--config", "a", flag, ...value])).toThrow(`${flag} needs --port`);
    expect(readArguments(["--config", "a", "--check", flag, ...value]).mode).toBe("check");
  }
});

test("a start that is refused exits with 2 and says why", async () => {
  const url = "http://127.0.0.1:9/mcp";
  const cases: readonly (readonly [content: object, args: readonly string[], problem: RegExp])[] = [
    [{ mcpServers: { a: { url } }, gateway: { pageSize: 0 } }, [], /pageSize must be a positive integer/],
    [{ mcpServers: {}, gateway: { pageSize: 0 } }, ["--check"], /pageSize must be a positive integer/],
    // Taken letter by letter it would name servers that there are not, and share the one that is meant with everybody.
    [{ mcpServers: { github: { url } }, gateway: { perUser: "github" } }, [], /perUser must be an array/],
    [{ mcpServers: { a: { url } }, gateway: { perUser: null } }, [], /perUser must be an array/],
    [{ mcpServers: { a: { url } } }, ["--host", "0.0.0.0"], /configure "auth", or say --insecure/],
    [{ mcpServers: { a: { url, stateful: true } } }, [], /stateful servers need --single/],
    [{ mcp: { servers: { a: { url, stateful: true } } } }, [], /stateful servers need --single/],
    [
      { mcpServers: { a: { url } }, gateway: { tools: { b: { deny: ["x"] } } } },
      [],
      /tools\.b: there is no such server/,
    ],
    [{ mcpServers: { a: { url } }, gateway: { perUser: ["b"] } }, [], /perUser\.b: there is no such server/],
    [{ mcpServers: { a: { url } } }, ["--path", "/mcp?x"], /path must begin with "\/", without "\?" and "#"/],
  ];
  const refusals = cases.map(async ([content, args, problem]) => {
    const gateway = run(["--config", config(content), "--port", "0", ...args]);
    expect([problem, await gateway.ended, gateway.stderr()]).toEqual([problem, 2, expect.stringMatching(problem)]);
  });
  await Promise.all(refusals);
});

test("G19: a message of 8 MB is answered, one that is too large is refused by its id, and what is asked before the end is answered", async () => {
  const { command, args, env } = chaosCommand();
  const gateway = run(["--config", config({ mcpServers: { chaos: { command, args, env } } })]);
  const lines = (): string[] => gateway.stdout.map((line) => JSON.parse(line));
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
  gateway.send({ id: 1, method: "initialize", params });
  await vi.waitFor(() => expect(lines()).toContainEqual(expect.objectContaining({ id: 1 })), 60_000);
  const call = { method: "tools/call", params: { name: "mcp_chaos_echo", arguments: { text: "last" } } };
  gateway.send({ id: 4, ...call });
  await vi.waitFor(() => expect(lines()).toContainEqual(expect.objectContaining({ id: 4 })), 60_000);
  gateway.send({ id: 2, method: "ping", params: { _meta: { text: "x".repeat(20_000_000) } } });
  gateway.send({ id: 3, method: "ping", params: { _meta: { text: "x".repeat(8_000_000) } } });
  const text = "y".repeat(1_000_000);
  gateway.send({ id: 5, method: "tools/call", params: { name: "mcp_chaos_echo", arguments: { text } } });
  gateway.process.stdin?.end();
  expect(await gateway.ended).toBe(0);
  const refused = { id: 2, error: { code: -32600, message: expect.stringContaining("larger than") } };
  for (const answer of [refused, { id: 3, result: {} }, { id: 5, result: expect.anything() }])
    expect(lines()).toContainEqual(expect.objectContaining(answer));
  expect(gateway.stdout.at(-1)).toContain(text);
});

test("G19: a line that is JSON but no message is answered, a request by its id and anything else without one", async () => {
  const gateway = run(["--config", config({ mcpServers: {} })]);
  const method = "ping";
  for (const id of [{}, true, null, 1.5, [1]]) gateway.send({ id, method });
  gateway.send({ id: 5, method, params: [] });
  gateway.send({ id: "own", result: "no object" });
  gateway.send({ id: 6, method });
  gateway.process.stdin?.end();
  expect(await gateway.ended).toBe(0);
  const answers: readonly unknown[] = gateway.stdout.map((line) => JSON.parse(line));
  const refused = (id: unknown) => ({ jsonrpc: "2.0", id, error: { code: -32600, message: expect.any(String) } });
  expect(answers.filter((one) => Object(one).id === null)).toEqual(Array.from({ length: 6 }, () => refused(null)));
  expect(answers).toContainEqual(refused(5));
  expect(answers).toContainEqual(expect.objectContaining({ id: 6 }));
});
