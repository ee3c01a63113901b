import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ClientEvent, ConfigError, MinionClient, type MinionClientOptions } from "../../src/index.js";
import { memoryServer, ofType, rejection, statusOf } from "../support.js";

async function from(config: string | URL | object, options: Omit<MinionClientOptions, "servers"> = {}) {
  const events: ClientEvent[] = [];
  const client = await MinionClient.fromConfig(config, { onEvent: (event) => events.push(event), ...options });
  onTestFinished(() => client.close());
  return { client, events, names: client.status().map(({ name }) => name) };
}

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "mcp.json");
  writeFileSync(path, text);
  return path;
}

function setEnv(values: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** What a server that only connects in memory is given by its configuration, read through its status. */
const stdio = { command: "never-started" };

test("Config: mcpServers of Claude Desktop and Cursor, and servers of VS Code, from a path, a URL and an object", async () => {
  for (const key of ["mcpServers", "servers"]) {
    const config = { [key]: { one: stdio, two: { url: "https://example.com/mcp" } } };
    const path = file(JSON.stringify(config));
    for (const source of [config, path, pathToFileURL(path), pathToFileURL(path).href])
      expect((await from(source)).names).toEqual(["one", "two"]);
  }
});

test("Config: the names that other hosts give to transports", async () => {
  const url = "https://example.com/mcp";
  const { client } = await from({
    mcpServers: {
      a: { type: "stdio", ...stdio },
      b: { type: "http", url },
      c: { type: "streamable-http", url },
      d: { type: "streamableHttp", url },
      e: { type: "sse", url },
      f: { url },
    },
  });
  expect(client.status().map(({ transport }) => transport)).toEqual(["stdio", "http", "http", "http", "sse", "http"]);
  const { client: other } = await from({ mcpServers: { one: { type: "ws", url } } });
  expect(other.configReport?.one?.problems).toMatchObject([{ server: "one", key: "type" }]);
});

test("Config: variables are replaced in every text, defaults where they are unset or empty", async () => {
  const chaos = await startChaosServer({ protocol: "legacy" });
  onTestFinished(() => chaos.close());
  setEnv({ MINION_PORT: String(chaos.port), MINION_UNSET: undefined, MINION_EMPTY: "" });
  const url =
    "http://$" + "{MINION_HOST:-127.0.0.1}:$" + "{env:MINION_PORT}/$" + "{MINION_EMPTY:-m}$" + "{MINION_UNSET:-cp}";
  const headers = { "x-a": "$" + "{MINION_PORT}", "x-b": "$" + "{MINION_UNSET:-}", "x-c": "$" + "{MINION_EMPTY}" };
  const { client } = await from(file(JSON.stringify({ mcpServers: { one: { url, headers } } })));
  await client.callTool("one", "echo", { text: "hi" });
  expect(chaos.journal().some((entry) => entry.event === "request")).toBe(true);
});

test("M20: a variable that is set nowhere costs its server where nothing else would expand it, and names the place", async () => {
  setEnv({ MINION_UNSET: undefined });
  for (const [text, says] of [
    ["$" + "{MINION_UNSET}", "MINION_UNSET"],
    ["$" + "{env:MINION_UNSET}", "MINION_UNSET"],
    ["$" + "{input:token}", "options.input"],
    ["$" + "{user_config.key}", "user_config.key"],
  ] as const) {
    const headers = { Authorization: `Bearer ${text}` };
    const path = file(JSON.stringify({ mcpServers: { hub: { url: "https://example.com", headers }, fine: stdio } }));
    const { client } = await from(path);
    const error = await rejection(client.callTool("hub", "any"));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: "ERR_MCP_CONFIG", file: path, server: "hub", key: "headers.Authorization" });
    for (const part of [path, "hub", "headers.Authorization", says]) expect(String(error)).toContain(part);
    expect(statusOf(client, "hub")).toMatchObject({ health: "unavailable", lastError: { code: "ERR_MCP_CONFIG" } });
    expect(client.configReport?.fine).toMatchObject({ loaded: true, problems: [] });
  }
  const plain = { mcpServers: { hub: { ...stdio, args: ["$HOME", "$" + "{", "}"] } } };
  expect((await from(plain)).names).toEqual(["hub"]);
});

test("Config: disabled servers are left out, their variables unread", async () => {
  setEnv({ MINION_UNSET: undefined });
  const off = { ...stdio, env: { T: "$" + "{MINION_UNSET}" } };
  const { names } = await from({
    mcpServers: {
      a: { ...off, disabled: true },
      b: { ...off, enabled: false },
      c: { ...stdio, disabled: false, enabled: true },
    },
  });
  expect(names).toEqual(["c"]);
});

test("M20: keys without effect are told where that matters, by an event and in the report", async () => {
  const { client, events, names } = await from({
    mcpServers: { one: { ...stdio, autoApprove: ["x"], alwaysAllow: [], description: "mine", timeout: 60 } },
    inputs: [],
  });
  expect(names).toEqual(["one"]);
  expect(ofType(events, "configKeyIgnored").map(({ server, key }) => [server, key])).toEqual([["one", "timeout"]]);
  expect(client.configReport?.one?.ignored).toEqual([{ key: "timeout", why: expect.stringContaining("unit") }]);
});

test("M20: a header that only the transport may give is told", async () => {
  const headers = { "Content-Length": "5", "X-Mine": "1" };
  const { client } = await from({ mcpServers: { one: { url: "http://127.0.0.1:9/mcp", headers } } });
  expect(client.configReport?.one?.ignored).toEqual([
    { key: "headers.Content-Length", why: expect.stringContaining("transport") },
  ]);
});

test("Config: policies of this client are read too", async () => {
  const { client } = await from({ mcpServers: { one: { ...stdio, breaker: false, cache: false, callTimeoutMs: 5 } } });
  expect(statusOf(client, "one")).toMatchObject({ breaker: undefined, cache: undefined });
});

test("Config: a custom connect of an object is kept as it is", async () => {
  const server = memoryServer();
  const { client } = await from({ mcpServers: { one: server.config } });
  expect(await client.listTools("one")).toHaveLength(1);
});

test("Config: comments, trailing commas and a byte order mark are allowed, inside texts they are text", async () => {
  const { client } = await from(
    file(`\uFEFF{ // what we use
      /* all of
         it */ "mcpServers": { "a // b": { "command": "x, ]", "args": ["/* no */", "\\" // no", ], }, },
    }`),
  );
  expect(client.status().map(({ name }) => name)).toEqual(["a // b"]);
});

test("Config: a file in UTF-16, as some programs on Windows write it, is read; one of another format is told", async () => {
  const text = '\uFEFF{ "mcpServers": { "é": { "command": "C:\\\\Program Files\\\\x", "args": ["y"] } } }';
  const little = Buffer.from(text, "utf16le");
  for (const bytes of [little, Buffer.from(little).swap16()]) {
    const path = file("");
    writeFileSync(path, bytes);
    const { client } = await from(path);
    expect(client.status().map(({ name, health }) => [name, health])).toEqual([["é", "idle"]]);
  }
  const toml = join(dirname(file("")), "config.toml");
  writeFileSync(toml, '[mcp_servers.a]\ncommand = "x"\n');
  expect(String(await rejection(from(toml)))).toContain("TOML and YAML are not read, write it as JSON");
  expect(String(await rejection(from(file(" \r\n"))))).toContain("it is empty");
});

test("Config: a file that cannot be read or is no configuration is an error that names it", async () => {
  const missing = join(tmpdir(), "minion-there-is-no-such.json");
  expect(await rejection(from(missing))).toMatchObject({ code: "ERR_MCP_CONFIG", file: missing });
  for (const text of ["", "{", "[]", "7", "{}", '{ "mcpServers": [] }', "// nothing"]) {
    const path = file(text);
    const error = await rejection(from(path));
    expect(error).toMatchObject({ code: "ERR_MCP_CONFIG", file: path });
    expect(String(error)).toContain(path);
  }
  expect(await rejection(from(new URL("https://example.com/mcp.json")))).toMatchObject({ code: "ERR_MCP_CONFIG" });
});

test("Config: an entry that cannot be used is an error that names file, server and key", async () => {
  for (const [entry, key] of [
    [7, undefined],
    [{}, undefined],
    [{ command: 7 }, "command"],
    [{ command: "" }, "command"],
    [{ command: "x", args: "y" }, "args"],
    [{ command: "x", env: { A: [] } }, "env.A"],
    [{ url: "nowhere" }, "url"],
    [{ url: "ftp://example.com" }, "url"],
    [{ url: "https://example.com", headers: [] }, "headers"],
    [{ command: "x", callTimeoutMs: -1 }, "callTimeoutMs"],
    [{ command: "x", retry: { attempts: 3 } }, "retry.attempts"],
    [{ command: "x", breaker: { failureThreshold: 0 } }, "breaker"],
    [{ command: "x", cache: { ttlMs: -1 } }, "cache"],
    [{ command: "x", pool: { minIdlePerKey: -1 } }, "pool"],
    [{ command: "x", url: "https://example.com" }, undefined],
    [{ command: "x", disabled: "true" }, "disabled"],
    [{ command: "x", disabled: 1 }, "disabled"],
    [{ command: "x", enabled: "false" }, "enabled"],
    [{ command: "npx -y", args: ["x"] }, "command"],
  ] as const) {
    const path = file(JSON.stringify({ mcpServers: { fine: stdio, hub: entry } }));
    const { client } = await from(path);
    const error = await rejection(client.listTools("hub"));
    expect(error, JSON.stringify(entry)).toBeInstanceOf(ConfigError);
    expect(client.configReport).toMatchObject({ fine: { loaded: true }, hub: { loaded: false, problems: [error] } });
    expect(error, JSON.stringify(entry)).toMatchObject({ code: "ERR_MCP_CONFIG", file: path, server: "hub", key });
    for (const part of [path, "hub", key ?? ""]) expect(String(error)).toContain(part);
  }
});

test("Config: what is no object, or throws by itself, is told as it is", async () => {
  for (const config of [null, [], 7])
    expect(await rejection(Reflect.apply(from, undefined, [config]))).toMatchObject({
      code: "ERR_MCP_CONFIG",
      file: undefined,
      server: undefined,
      key: undefined,
    });
  const reason = new Error("my own getter");
  class Hostile {
    get maxUses(): number {
      throw reason;
    }
  }
  const pool = Object.defineProperty(new Hostile(), "maxIdleMs", {
    enumerable: true,
    get: () => {
      throw reason;
    },
  });
  expect(await rejection(from({ mcpServers: { hub: { command: "x", pool } } }))).toBe(reason);
});

test("Config: headers of a server of the file can be given for each principal, in place of the file's of the same name", async () => {
  const seen = new Set<string>();
  const server = createServer(({ headers }, response) => {
    seen.add(`${headers.authorization} ${headers["x-kept"]}`);
    response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  const entry = {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp`,
    headers: { Authorization: "Bearer of-the-file", "X-Kept": "kept" },
  };
  const one = async ({ principal }: { readonly principal: string | undefined }): Promise<Record<string, string>> => {
    if (principal === undefined) throw new Error("nobody");
    return { authorization: `Bearer of-${principal}` };
  };
  await using client = await MinionClient.fromConfig(
    { mcpServers: { one: entry, two: entry, three: stdio } },
    { headers: { one, three: one } },
  );
  await rejection(client.callTool("two", "echo"));
  expect(seen).toEqual(new Set(["Bearer of-the-file kept"]));
  await rejection(client.callTool("one", "echo", {}, { principal: "ann" }));
  expect(seen).toEqual(new Set(["Bearer of-the-file kept", "Bearer of-ann kept"]));
  const failed = await rejection(client.callTool("one", "echo"));
  expect(failed).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent" });
  expect(seen.size).toBe(2);
  expect(client.configReport?.three).toMatchObject({ loaded: false, problems: [{ key: "url" }] });
  const wrong = Object.fromEntries([["headers", { one: "x" }]]);
  await expect(MinionClient.fromConfig({ mcpServers: { two: entry } }, wrong)).rejects.toThrow(TypeError);
});
