import { expect, onTestFinished, test } from "vitest";
import { ClientClosedError, ConfigError, MinionClient, ServerNotFoundError } from "../../src/index.js";
import { memoryServer, rejection, start, until } from "../support.js";

/** What a stranger in JavaScript might write. */
function make(options: unknown): MinionClient {
  return Reflect.construct(MinionClient, [options]);
}

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}

test("Options: what is no option, or has a wrong value, throws and names it", () => {
  for (const [options, says] of [
    [undefined, "options"],
    [null, "options"],
    [[], "options"],
    [{}, "servers"],
    [{ servers: undefined }, "servers"],
    [{ servers: [] }, "servers"],
    [{ servers: {}, server: {} }, "server"],
    [{ servers: {}, constructor: 1 }, "constructor"],
    [{ servers: {}, maxTotalConnections: 0 }, "maxTotalConnections"],
    [{ servers: {}, maxTotalConnections: Number.NaN }, "maxTotalConnections"],
    [{ servers: {}, maxTotalConnections: "10" }, "maxTotalConnections"],
    [{ servers: {}, clientInfo: { name: "x" } }, "clientInfo"],
    [{ servers: {}, capabilities: 7 }, "capabilities"],
    [{ servers: {}, onEvent: {} }, "onEvent"],
    [{ servers: {}, onServerRequest: true }, "onServerRequest"],
    [{ servers: {}, pool: {} }, "pool"],
    [{ servers: {}, cache: false }, "cache"],
    [{ servers: {}, breaker: false }, "breaker"],
    [{ servers: {}, defaults: { timeout: 1 } }, "timeout"],
    [{ servers: {}, defaults: { callTimeoutMs: 0 } }, "callTimeoutMs"],
    [{ servers: {}, defaults: { retry: { attempts: 3 } } }, "attempts"],
    [{ servers: {}, defaults: { retry: { maxAttempts: 0 } } }, "maxAttempts"],
    [{ servers: {}, defaults: { breaker: { threshold: 3 } } }, "threshold"],
    [{ servers: {}, defaults: { command: "x" } }, "command"],
    [{ servers: {}, defaults: { replicas: [] } }, "replicas belong to one server"],
  ] as const) {
    const error = thrown(() => make(options));
    expect(error, JSON.stringify(options)).toBeInstanceOf(Error);
    if (!(error instanceof ConfigError)) expect(error).toBeInstanceOf(TypeError);
    expect(String(error), JSON.stringify(options)).toContain(says);
  }
});

test("Options: a server's bad entry throws a ConfigError that names server and key, and nothing is connected", () => {
  const good = memoryServer();
  for (const [entry, key] of [
    [undefined, undefined],
    [{}, undefined],
    [{ connect: "x" }, "connect"],
    [{ command: "x", shell: true }, "shell"],
    [{ command: "x", type: "http" }, "type"],
    [{ command: "x", stateful: 1 }, "stateful"],
    [{ command: "x", stateful: true, replicas: [{ command: "y" }] }, "replicas"],
    [{ command: "x", replicas: {} }, "replicas"],
    [{ command: "x", replicas: [{ command: "y", callTimeoutMs: 1 }] }, "replicas[0].callTimeoutMs"],
    [{ command: "x", replicas: [{ command: "y" }, {}] }, "replicas[1]."],
    [{ command: "x", maxConnections: 1.5 }, "maxConnections"],
    [{ command: "x", connectTimeoutMs: Number.NaN }, "connectTimeoutMs"],
    [{ command: "x", closeTimeoutMs: Number.POSITIVE_INFINITY }, "closeTimeoutMs"],
    [{ command: "x", maxMessageBytes: -1 }, "maxMessageBytes"],
    [{ command: "x", retry: true }, "retry"],
    [{ command: "x", retry: { maxDelayMs: -1 } }, "retry.maxDelayMs"],
    [{ command: "x", breaker: { openMs: -1 } }, "breaker"],
    [{ command: "x", breaker: true }, "breaker"],
    [{ command: "x", cache: { size: 1 } }, "cache.size"],
    [{ command: "x", pool: { maxPerKey: 3 } }, "pool.maxPerKey"],
    [{ command: "x", pool: { create: () => {} } }, "pool.create"],
    [{ command: "x", pool: { maxUses: 0 } }, "pool"],
    [{ command: "x", pool: false }, "pool"],
    [{ command: "x\0" }, "command"],
    [{ command: "x", args: ["a", "\0"] }, "args"],
    [{ command: "x", cwd: "/\0" }, "cwd"],
    [{ command: "x", env: { KEY: "secret\0value" } }, "env"],
    [{ command: "x", env: { "K\0": "v" } }, "env"],
    [{ url: "http://localhost/", headers: { Key: "a secret\nvalue" } }, "headers.Key"],
    [{ url: "http://localhost/", headers: { "Bearer secret": "" } }, "headers"],
    [{ command: "x", replicas: [{ url: "http://localhost/", headers: { k: "\u20ac" } }] }, "replicas[0].headers.k"],
  ] as const) {
    const error = thrown(() => make({ servers: { good: good.config, bad: entry } }));
    expect(error, JSON.stringify(entry)).toBeInstanceOf(ConfigError);
    expect(error, JSON.stringify(entry)).toMatchObject({ server: "bad", key });
    expect(String(error)).not.toContain("secret");
  }
  expect(good.contexts).toHaveLength(0);
});

test("Options: a pool, cache or breaker that is none is told where it was made, and an async one ends no process", () => {
  for (const option of ["pool", "cache", "breaker"])
    for (const made of [undefined, 5, {}, Promise.reject(new Error("an async function"))])
      expect(
        String(thrown(() => make({ servers: { one: memoryServer().config }, [option]: () => made }))),
        option,
      ).toContain(`TypeError: MinionClient: the function ${option} must give an object with a method`);
});

test("Options: a time that no timer can wait for does not fire at once", async () => {
  const server = memoryServer({ connect: () => new Promise((resolve) => setImmediate(resolve)) });
  const huge = { connectTimeoutMs: 1e308, callTimeoutMs: 1e308, closeTimeoutMs: 1e308 };
  const warnings: Error[] = [];
  const note = (warning: Error): number => warnings.push(warning);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const { client } = start({ one: { ...server.config, ...huge, retry: { initialDelayMs: 1e308, maxDelayMs: 1e308 } } });
  expect(await client.callTool("one", "echo", {}, { timeoutMs: 1e308 })).toMatchObject({ content: [{ type: "text" }] });
  await client.close({ graceMs: 1e308 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings.map(String)).toEqual([]);
});

test("Options: undefined is the default everywhere", async () => {
  const server = memoryServer();
  const { client } = start(
    { one: { ...server.config, retry: undefined, breaker: undefined, cache: { ttlMs: undefined }, pool: undefined } },
    { defaults: { callTimeoutMs: undefined }, maxTotalConnections: undefined, onServerRequest: undefined },
  );
  expect(await client.listTools("one", { signal: undefined, timeoutMs: undefined })).toHaveLength(1);
  await client.callTool("one", "echo", undefined, { timeoutMs: undefined, meta: undefined });
});

test("Options: addServer checks as the constructor does, takes no name twice, and removeServer forgets one", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  expect(thrown(() => client.addServer("one", server.config))).toMatchObject({ code: "ERR_MCP_CONFIG", server: "one" });
  expect(thrown(() => Reflect.apply(client.addServer, client, ["two", {}]))).toMatchObject({ code: "ERR_MCP_CONFIG" });
  client.addServer("two", server.config);
  await client.callTool("two", "echo");
  await client.removeServer("two");
  expect(server.connections).toHaveLength(0);
  expect(await rejection(client.callTool("two", "echo"))).toBeInstanceOf(ServerNotFoundError);
  expect(await rejection(client.removeServer("two"))).toBeInstanceOf(ServerNotFoundError);
  client.addServer("two", server.config);
  await client.callTool("two", "echo");
});

test("Options: a call's bad arguments and options reject before anything is sent", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  for (const [args, options, says] of [
    ["text", {}, "arguments"],
    [[], {}, "arguments"],
    [null, {}, "arguments"],
    [{}, null, "options"],
    [new Map([["text", "a"]]), {}, "arguments"],
    [Promise.resolve({ text: "a" }), {}, "arguments"],
    [{}, AbortSignal.abort(), "options"],
    [{}, new Map([["timeoutMs", 5]]), "options"],
    [{}, [], "options"],
    [{}, { timeout: 5 }, "timeout"],
    [{}, { constructor: 5 }, "constructor"],
    [{}, { timeoutMs: 0 }, "timeoutMs"],
    [{}, { timeoutMs: Number.NaN }, "timeoutMs"],
    [{}, { timeoutMs: "5" }, "timeoutMs"],
    [{}, { signal: {} }, "signal"],
    [{}, { onProgress: 1 }, "onProgress"],
    [{}, { priority: Number.NaN }, "priority"],
    [{}, { idempotent: 1 }, "idempotent"],
    [{}, { principal: 1 }, "principal"],
    [{}, { meta: "x" }, "meta"],
    [{}, { refresh: true }, "refresh"],
    [{}, { resetTimeoutOnProgress: true }, "maxTotalTimeoutMs"],
  ] as const) {
    const error = await rejection(Reflect.apply(client.callTool, client, ["one", "echo", args, options]));
    expect(error, says).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(says);
  }
  expect(await rejection(client.callTool("one", ""))).toBeInstanceOf(TypeError);
  expect(await rejection(client.callTool("none", "echo"))).toMatchObject({
    code: "ERR_MCP_SERVER_NOT_FOUND",
    server: "none",
  });
  expect(await rejection(Reflect.apply(client.listTools, client, ["one", { idempotent: true }]))).toBeInstanceOf(
    TypeError,
  );
  expect(await rejection(Reflect.apply(client.ping, client, ["one", { timeoutMs: 1 }]))).toBeInstanceOf(TypeError);
  expect(await rejection(Reflect.apply(client.session, client, ["one", { own: 1 }]))).toBeInstanceOf(TypeError);
  expect(await rejection(client.connect({ servers: ["none"] }))).toBeInstanceOf(ServerNotFoundError);
  expect(thrown(() => Reflect.apply(client.subscribe, client, [7]))).toBeInstanceOf(TypeError);
  expect(thrown(() => client.close({ graceMs: -1 }))).toBeInstanceOf(TypeError);
  for (const options of [5_000, null, { grace: 5 }, { graceMs: "5" }])
    expect(
      thrown(() => Reflect.apply(client.close, client, [options])),
      String(options),
    ).toBeInstanceOf(TypeError);
  expect(server.contexts).toHaveLength(0);
});

test("Options: after close everything rejects with ERR_MCP_CLOSED, and close is one promise", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo");
  expect(client.close()).toBe(client.close());
  await client.close();
  expect(server.connections).toHaveLength(0);
  expect(await rejection(client.callTool("one", "echo"))).toBeInstanceOf(ClientClosedError);
  expect(await rejection(client.listTools("one", { refresh: true }))).toMatchObject({ code: "ERR_MCP_CLOSED" });
  expect(await rejection(client.session("one"))).toMatchObject({ code: "ERR_MCP_CLOSED" });
  expect(await rejection(client.ping("one"))).toMatchObject({ code: "ERR_MCP_CLOSED" });
  expect(thrown(() => client.addServer("two", server.config))).toMatchObject({ code: "ERR_MCP_CLOSED" });
});

test("Options: a call that is in flight when its grace is over rejects with ERR_MCP_CLOSED", async () => {
  for (const graceMs of [0, 5]) {
    const server = memoryServer({ call: () => new Promise(() => {}) });
    const { client } = start({ one: server.config });
    const call = rejection(client.callTool("one", "echo"));
    await until(() => server.calls.length === 1, "the call");
    await client.close({ graceMs });
    expect(await call).toMatchObject({ code: "ERR_MCP_CLOSED", server: "one", delivery: "sent" });
  }
});

test("Options: more connections kept ready than there may be are refused before anything starts", () => {
  const { config } = memoryServer();
  expect(() => start({ one: { ...config, maxConnections: 2, pool: { minIdlePerKey: 3 } } })).toThrow(
    expect.objectContaining({ code: "ERR_MCP_CONFIG", server: "one", key: "pool" }),
  );
});

test("Options: a server's own part goes on top of the defaults' one, and false is the last word of who says it", async () => {
  const down = () => memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const [merged, off, on] = [down(), down(), down()];
  const { client } = start(
    {
      merged: { ...merged.config, retry: { maxDelayMs: 1, maxAttempts: undefined }, breaker: { openMs: 60_000 } },
      off: { ...off.config, retry: false, breaker: false },
    },
    { defaults: { retry: { maxAttempts: 4, initialDelayMs: 1 }, breaker: { failureThreshold: 3 } } },
  );
  const { client: other } = start(
    { on: { ...on.config, retry: { maxAttempts: 2, initialDelayMs: 1 }, breaker: { failureThreshold: 1 } } },
    { defaults: { retry: false, breaker: false } },
  );
  expect(await rejection(client.callTool("merged", "echo"))).toMatchObject({ code: "ERR_MCP_UNAVAILABLE" });
  expect(merged.contexts).toHaveLength(3);
  expect(await rejection(client.callTool("off", "echo"))).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(off.contexts).toHaveLength(1);
  expect(client.status().map(({ breaker }) => breaker?.state)).toEqual(["open", undefined]);
  expect(await rejection(other.callTool("on", "echo"))).toMatchObject({ code: "ERR_MCP_UNAVAILABLE" });
  expect(on.contexts).toHaveLength(1);
  expect(other.status()[0]?.breaker?.state).toBe("open");
});
