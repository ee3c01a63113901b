import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { rejection, start, statusOf, until } from "../support.js";
import { answer, sessionServer } from "./session-server.js";

const error = (response: ServerResponse, status: number, id: unknown, message: string) =>
  answer(response, status, { jsonrpc: "2.0", id, error: { code: -32_000, message } });

/** What servers say of a session that they do not know, and whether a call that may not be repeated goes through then. */
const words = [
  ["404", true, (response: ServerResponse) => response.writeHead(404).end("no such session")],
  ["400", true, (response: ServerResponse) => error(response, 400, null, "No valid session ID provided")],
  ["401 without a challenge", false, (response: ServerResponse) => response.writeHead(401).end("unknown session")],
  ["403 without a challenge", false, (response: ServerResponse) => response.writeHead(403).end("not your session")],
  ["409", false, (response: ServerResponse) => response.writeHead(409).end("another session took over")],
  ["410", false, (response: ServerResponse) => error(response, 410, null, "Session expired")],
  ["422", false, (response: ServerResponse) => error(response, 422, "server-error", "Invalid session")],
  ["500", false, (response: ServerResponse) => response.writeHead(500).end("session is undefined")],
  ["503", false, (response: ServerResponse) => response.writeHead(503).end("no such session")],
  [
    "an error for no request",
    false,
    (response: ServerResponse) => error(response, 200, null, "Server not initialized"),
  ],
  [
    "an error whose id is a word",
    false,
    (response: ServerResponse) => error(response, 200, "server-error", "Session not found"),
  ],
  ["302", false, (response: ServerResponse) => response.writeHead(302, { location: "/login" }).end()],
  ["202", false, (response: ServerResponse) => response.writeHead(202).end()],
  ["204", false, (response: ServerResponse) => response.writeHead(204).end()],
  [
    "a page",
    false,
    (response: ServerResponse) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Log in</h1>"),
  ],
  ["JSON that is no message", false, (response: ServerResponse) => answer(response, 200, { error: "unknown session" })],
  ["an error without an id", false, (response: ServerResponse) => error(response, 200, undefined, "Session not found")],
] as const;

test.each(words)(
  "M3: a session forgotten with %s: one ping and one initialize for 8 callers, and every safe call goes through",
  async (_, isRefusedBefore, refuse) => {
    const server = await sessionServer({ refuse });
    const { client } = start({ one: { url: server.url } });
    await client.callTool("one", "echo");
    server.forget();
    const safe = Array.from({ length: 8 }, () => client.callTool("one", "echo", {}, { idempotent: true }));
    await Promise.all(safe);
    expect(server.granted()).toBe(2);
    expect(server.inVain.filter((method) => method === "ping").length).toBeLessThanOrEqual(1);
    server.forget();
    const ran = server.ran();
    const unsafe = client.callTool("one", "echo");
    if (isRefusedBefore) await unsafe;
    else expect(await rejection(unsafe)).toMatchObject({ name: expect.stringMatching(/Error$/) });
    expect(server.ran()).toBe(ran + (isRefusedBefore ? 1 : 0));
    await client.callTool("one", "echo");
    expect(server.granted()).toBe(3);
  },
);

test.each([-32_000, -32_600, 404])(
  "M3: a session whose loss is told by ordinary errors (%i) is renewed for the next call; the error is the answer",
  async (code) => {
    const server = await sessionServer({
      refuse: (response, { id }) =>
        answer(response, 200, { jsonrpc: "2.0", id, error: { code, message: "Session not found" } }),
    });
    const { client } = start({ one: { url: server.url } });
    await client.callTool("one", "echo");
    server.forget();
    expect(await rejection(client.callTool("one", "echo", {}, { idempotent: true }))).toMatchObject({ code });
    await until(() => !statusOf(client, "one").connected, "the loss");
    await client.callTool("one", "echo");
    expect(server.granted()).toBe(2);
  },
);

test("M3: what a living session refuses is refused, and renews nothing: 302, 400, 403, 409, 500, a page, an error for no request, an ordinary error", async () => {
  const refusals = [
    (response: ServerResponse) => response.writeHead(302, { location: "/elsewhere" }).end(),
    (response: ServerResponse) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Oops</h1>"),
    (response: ServerResponse) => response.writeHead(403).end("not for you"),
    (response: ServerResponse) => response.writeHead(409).end("there is one already"),
    (response: ServerResponse) => error(response, 400, null, "city is required"),
    (response: ServerResponse) => response.writeHead(500).end("relation users does not exist"),
    (response: ServerResponse) => error(response, 200, null, "no idea"),
    (response: ServerResponse, { id }: { readonly id?: number }) => error(response, 200, id, "no such city"),
  ];
  for (const refusal of refusals) {
    const server = await sessionServer({
      call: (response, message) => {
        if (message.params?.name !== "bad") return false;
        refusal(response, message);
        return true;
      },
    });
    const { client } = start({ one: { url: server.url, breaker: false } });
    for (let i = 0; i < 3; i++) await rejection(client.callTool("one", "bad"));
    await client.callTool("one", "good");
    expect(server.asked()).toBe(1);
  }
});

test("M12: a stateful session that a ping shows to be lost is told once, in the server's words", async () => {
  const server = await sessionServer({ refuse: (response) => error(response, 400, null, "No valid session ID") });
  const { client } = start({ one: { url: server.url, stateful: true } });
  await client.callTool("one", "echo");
  server.forget();
  const told = await rejection(client.callTool("one", "echo", {}, { idempotent: true }));
  expect(told).toMatchObject({ code: "ERR_MCP_SESSION_LOST", message: expect.stringContaining("No valid session ID") });
  await client.callTool("one", "echo");
  expect(server.granted()).toBe(2);
});

test.each([17, 100])("M3: %i callers meet one lost session: one initialize, and all go through", async (callers) => {
  const server = await sessionServer({ callMs: 20 });
  const { client } = start({ one: { url: server.url } });
  await client.callTool("one", "echo");
  server.forget();
  await Promise.all(Array.from({ length: callers }, () => client.callTool("one", "echo")));
  expect(server.granted()).toBe(2);
  expect(server.ran()).toBe(callers + 1);
});

test("M3: a server that allows one session: 40 calls at once, twice, all on that one, and it is asked for no other again", async () => {
  const server = await sessionServer({ allowsOne: true, callMs: 20 });
  const { client } = start({ one: { url: server.url } });
  const burst = () => Promise.all(Array.from({ length: 40 }, () => client.callTool("one", "echo")));
  await burst();
  const asked = server.asked();
  await burst();
  expect(server.granted()).toBe(1);
  expect(server.asked()).toBe(asked);
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 0 });
  server.forget();
  await burst();
  expect(server.granted()).toBe(2);
});

test("M3, P13: further sessions are opened where calls take long, once the first one stands", async () => {
  const server = await sessionServer({ callMs: 400 });
  const { client } = start({ one: { url: server.url } });
  await Promise.all(Array.from({ length: 40 }, () => client.callTool("one", "echo")));
  expect(server.granted()).toBe(3);
});
