import { expect, test } from "vitest";
import { ServerMemory } from "../../src/session/era/server-memory.js";
import { open, rejection, until } from "./support.js";

const timeout = 30_000;

/** A server over stdio that sees `message`, and writes what it is told to: `say(object)`, `complain(code)` without an id. */
function scripted(on: string): { readonly command: string; readonly args: readonly string[] } {
  const script = `
    const say = (object) => console.log(JSON.stringify({ jsonrpc: "2.0", ...object }));
    const complain = (code, id = null) => say({ id, error: { code, message: "the server's own words" } });
    const initialized = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } };
    const held = [];
    const on = (message, name = message.params?.name) => { ${on} };
    require("node:readline").createInterface(process.stdin).on("line", (line) => {
      const message = JSON.parse(line);
      if (on(message) === true) return;
      if (message.method === "initialize") say({ id: message.id, result: initialized });
      else if (message.id !== undefined && message.method !== undefined) say({ id: message.id, result: { content: [] } });
    });`;
  return { command: process.execPath, args: ["-e", script] };
}

test.each(["null", '"unknown"'])(
  "M1: over stdio an error whose id is %s is heard by the only call that it can be about",
  { timeout },
  async (id) => {
    const { call, deaths } = await open(
      scripted(`
        if (name !== "unread") return;
        complain(message.params.arguments.code, ${id});
        return true;
      `),
    );
    const words = { kind: "rpc", delivery: "sent", message: expect.stringContaining("the server's own words") };
    await call("read");
    expect(await rejection(call("unread", { code: -32_700 }))).toMatchObject(words);
    expect(await rejection(call("unread", { code: -32_600 }))).toMatchObject(words);
    expect(await rejection(call("unread", { code: -32_700 }))).toMatchObject(words);
    await call("read");
    expect(deaths).toEqual([]);
  },
);

test("M1: a server that cannot read the question what it speaks is greeted at once", { timeout }, async () => {
  const target = scripted('if (message.method !== "server/discover") return; complain(-32600); return true;');
  const begin = performance.now();
  const { connection } = await open(target, { protocol: "auto", memory: new ServerMemory() });
  expect(connection.serverInfo.protocol).toBe("2025-11-25");
  expect(performance.now() - begin).toBeLessThan(4_000);
});

test.each([-32_700, -32_600])(
  "M1: what may be about a notification costs no call its answer: %i",
  {
    timeout,
  },
  async (code) => {
    const { call } = await open(
      scripted(`
      if (message.method === "notifications/initialized") { held.push(message); return true; }
      if (held.length === 0) return;
      held.length = 0;
      complain(${code});
    `),
    );
    expect(await call("any")).toEqual({ content: [] });
  },
);

test("M1: what may be about an answer of the application costs no call its answer", { timeout }, async () => {
  const { call } = await open(
    scripted(`
      if (name === "asks") { held.push(message.id); say({ id: 7, method: "roots/list" }); return true; }
      if (message.id !== 7 || message.method !== undefined) return;
      complain(-32700);
      say({ id: held.pop(), result: { content: ["asked"] } });
    `),
    { capabilities: { roots: {} }, onServerRequest: async () => ({ roots: [] }) },
  );
  await call("any");
  expect(await call("asks")).toEqual({ content: ["asked"] });
});

test("M1: what may be about a call that was given up costs no other its answer", { timeout }, async () => {
  const { call } = await open(
    scripted(`
      if (name === "given up") { held.push(message.id); return true; }
      if (name !== "next") return;
      complain(-32700);
      complain(-32600);
    `),
  );
  await call("any");
  const controller = new AbortController();
  let isSent = false;
  const onSent = (): void => {
    isSent = true;
  };
  const givenUp = rejection(call("given up", {}, { signal: controller.signal, onSent }));
  await until(() => isSent, "it is sent");
  controller.abort("given up");
  expect(await givenUp).toBe("given up");
  expect(await call("next")).toEqual({ content: [] });
});

test("M1: of calls under way at the same time none is told what may be about another", { timeout }, async () => {
  const { call } = await open(
    scripted(`
      if (name !== "first" && name !== "second") return;
      held.push(message.id);
      if (held.length < 2) return true;
      complain(-32700);
      for (const id of held) say({ id, result: { content: [id] } });
      return true;
    `),
  );
  await call("any");
  const both = await Promise.all([call("first"), call("second")]);
  expect(both).toEqual([{ content: [expect.any(Number)] }, { content: [expect.any(Number)] }]);
});
