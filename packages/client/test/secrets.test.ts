import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { chaosCommand, startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { type ClientEvent, MinionClient, type MinionClientOptions } from "../src/index.js";
import { rejection, start, until } from "./support.js";

const secret = "s3cr3t-Tök/en+7";

/** Everything that can be seen of an error, its causes, stacks and hidden members included. */
function everything(value: unknown): string {
  const parts = [
    inspect(value, { depth: 20, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null }),
  ];
  for (let error = value; error instanceof Error; error = error.cause)
    parts.push(error.message, error.stack ?? "", String(error));
  try {
    parts.push(JSON.stringify(value) ?? "");
  } catch {}
  return parts.join("\n");
}

/** Calls, lists, pings and opens sessions; returns all that was told on the way. */
async function provoke(servers: MinionClientOptions["servers"], calls: readonly [string, Record<string, unknown>][]) {
  const { client, events } = start(servers, { defaults: { retry: { maxAttempts: 2, initialDelayMs: 1 } } });
  const told: unknown[] = [];
  const note = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => told.push(error));
  for (const name of Object.keys(servers)) {
    for (const [tool, args] of calls) await note(client.callTool(name, tool, args, { timeoutMs: 20_000 }));
    await note(client.listTools(name));
    await note(client.ping(name));
    await note(client.session(name).then((session) => session[Symbol.asyncDispose]()));
    await note(client.readResource(name, "chaos://none"));
  }
  told.push(await client.connect(), await client.listAllTools(), client.status());
  await client.close({ graceMs: 0 });
  const seen: readonly ClientEvent[] = events;
  return { told: [...told, client.status(), ...seen], errors: told.filter((one) => one instanceof Error) };
}

function expectNoSecret(told: readonly unknown[], ...secrets: string[]): void {
  for (const one of told) {
    const text = everything(one);
    for (const value of secrets) {
      for (const form of [
        value,
        encodeURIComponent(value),
        JSON.stringify(value).slice(1, -1),
        btoa(encodeURIComponent(value)),
      ])
        expect(text).not.toContain(form);
    }
  }
}

test("M16: no value of env is told, though the process writes it to stderr and dies", async () => {
  // Without the SDK, since it is started nine times.
  const script = `const { API_TOKEN: token } = process.env;
process.stderr.write("cannot log in with " + token + " (" + encodeURIComponent(token) + ")", () => process.exit(1));`;
  const args = ["-e", script];
  const { told, errors } = await provoke({ one: { command: process.execPath, args, env: { API_TOKEN: secret } } }, [
    ["echo", { text: "x" }],
  ]);
  expect(errors.length).toBeGreaterThan(0);
  expect(told.map(everything).join()).toContain("cannot log in with ***");
  expectNoSecret(told, secret);
}, 60_000);

test("M16: no value of env is told by a running server's stderr and errors", async () => {
  const { command, args, env } = chaosCommand({ protocol: "legacy" });
  const { told, errors } = await provoke({ one: { command, args, env: { ...env, API_TOKEN: secret } } }, [
    ["stderr", { text: `using ${secret}\n` }],
    ["rpcError", { code: -32_050, message: `bad token ${secret}` }],
    ["crash", { when: "before", key: "k" }],
  ]);
  expect(errors.length).toBeGreaterThan(0);
  expectNoSecret(told, secret);
}, 60_000);

test("M16: headers, user, password and query of a URL are told by nothing that an HTTP server refuses or echoes", async () => {
  const header = "hdr-9f8e7d6c5b";
  const password = "pa55w0rd-x";
  const http = createServer((request, response) => {
    // As careless servers do, it sends back what it was sent.
    const body = `refused ${password} ${request.url} ${JSON.stringify(request.headers)}`;
    response.writeHead(Number(request.headers["x-status"]), body.slice(0, 0) || "Refused", {
      "x-echo": encodeURIComponent(request.url ?? ""),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void http.close());
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  for (const status of ["400", "401", "404", "500", "503"]) {
    const url = `http://someone:${password}@127.0.0.1:${port}/mcp?api_key=${encodeURIComponent(secret)}`;
    const { told, errors } = await provoke(
      { one: { url, headers: { Authorization: `Bearer ${header}`, "x-status": status } } },
      [["echo", { text: "x" }]],
    );
    expect(errors.length).toBeGreaterThan(0);
    expectNoSecret(told, secret, header, password);
  }
}, 30_000);

test("M16: a URL with credentials that nobody answers tells none of them", async () => {
  const password = "pa55w0rd-x";
  const free = await startChaosServer({ protocol: "legacy" });
  const { port } = free;
  await free.close();
  const { told, errors } = await provoke(
    { one: { url: `http://someone:${password}@127.0.0.1:${port}/mcp?token=${secret}` } },
    [["echo", {}]],
  );
  expect(errors.length).toBeGreaterThan(0);
  expectNoSecret(told, password, secret);
});

test("M16: headers of a function are masked as fixed ones are", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { reply: "sse" } });
  onTestFinished(() => chaos.close());
  const header = "fn-0a1b2c3d4e";
  const { told, errors } = await provoke({ one: { url: chaos.url, headers: async () => ({ "x-api-key": header }) } }, [
    ["rpcError", { code: -32_050, message: `bad key ${header}` }],
  ]);
  expect(errors.length).toBeGreaterThan(0);
  expectNoSecret(told, header);
});

test("M16: a password in the URL is masked in what a server says that works", async () => {
  const chaos = await startChaosServer({ protocol: "legacy" });
  onTestFinished(() => chaos.close());
  const password = "pa55w0rd-x";
  const url = new URL(chaos.url);
  url.username = "someone";
  url.password = password;
  const { told, errors } = await provoke({ one: { url: url.href } }, [
    ["rpcError", { code: -32_050, message: `bad password ${password}` }],
  ]);
  expect(errors.length).toBeGreaterThan(0);
  expect(told.map(everything).join()).toContain("bad password ***");
  expectNoSecret(told, password);
});

test("M16: a configuration that is refused does not tell its values", async () => {
  for (const entry of [
    { command: "x", env: { TOKEN: secret, OTHER: {} } },
    { url: "https://example.com", headers: { Authorization: secret, other: [] } },
    { url: `ftp://user:${secret}@example.com` },
    { url: "https://example.com", headers: [secret] },
  ]) {
    const client = await MinionClient.fromConfig({ mcpServers: { one: entry } });
    onTestFinished(() => client.close());
    const error = await rejection(client.listTools("one"));
    expect(error).toMatchObject({ code: "ERR_MCP_CONFIG" });
    expectNoSecret([error, client.status(), client.configReport], secret);
  }
});

test("M16: a client, its servers and its status show no secret when they are printed", async () => {
  const { command, args, env } = chaosCommand({ protocol: "legacy" });
  const { client } = start({ one: { command, args, env: { ...env, API_TOKEN: secret } } });
  await client.callTool("one", "stderr", { text: `half of ${secret.slice(0, 8)} and ${secret}\nend\n` });
  await until(() => client.status()[0]?.stderrTail.includes("end") === true, "its stderr");
  expectNoSecret([client, client.status()], secret);
}, 60_000);

test.each(["content-type", "content-encoding"])(
  "M16: a key that a server writes into its %s is not told in small letters either",
  async (name) => {
    const key = "Sk-Test-Z9zq8-ABC";
    const server = createServer((request, response) => {
      response.setHeader("content-type", "application/json").setHeader(name, `text/${request.headers["x-key"]}`);
      response.writeHead(200).end("{}");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { told, errors } = await provoke({ s: { url: `http://127.0.0.1:${port}/mcp`, headers: { "X-Key": key } } }, [
      ["echo", {}],
    ]);
    expect(errors.length).toBeGreaterThan(0);
    for (const one of told) expect(everything(one).toLowerCase()).not.toContain(key.toLowerCase());
  },
);
