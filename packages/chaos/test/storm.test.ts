import fc from "fast-check";
import { expect, test } from "vitest";
import { type FaultSettings, startChaosServer } from "../src/index.js";
import { entriesOf, until } from "./support.js";

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 1 });

const anyFaults: fc.Arbitrary<FaultSettings> = fc.record({
  status: maybe(fc.constantFrom(401, 429, 503)),
  resetSocket: fc.boolean(),
  endStream: fc.boolean(),
  holdStream: fc.boolean(),
  only: fc.constantFrom("posts", "calls"),
  when: fc.constantFrom("before", "after"),
  times: maybe(fc.integer({ min: 1, max: 3 })),
  chunkBytes: maybe(fc.integer({ min: 1, max: 50 })),
  forgetAfter: maybe(fc.integer({ min: 1, max: 3 })),
  flapCalls: maybe(fc.integer({ min: 2, max: 3 })),
  hangCalls: fc.boolean(),
  hangEverything: maybe(fc.boolean()),
  hangInitialize: maybe(fc.boolean()),
  noGetStream: fc.boolean(),
  reply: fc.constantFrom("json", "sse"),
});
const anyAction = fc.constantFrom("forgetSessions", "dropConnections", "dropStreams", "listChanged" as const);

async function post(url: string, message: object, session?: string | null): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      ...(session && { "mcp-session-id": session }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
}

async function open(url: string): Promise<string | null> {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "storm", version: "1.0.0" } };
  const reply = await post(url, { id: 0, method: "initialize", params });
  await reply.text();
  return reply.headers.get("mcp-session-id");
}

/** Opens a session that works; dropped sockets may still be in the pool of `fetch`. */
function openWorking(url: string): Promise<string> {
  return until("a session is open and answers a ping", async () => {
    try {
      const session = await open(url);
      const reply = await post(url, { id: 1, method: "ping" }, session);
      return (await reply.text()).includes('"result":{}') && session !== null && session;
    } catch {
      return undefined;
    }
  });
}

test("M3: whatever it was told, no side effect runs that was not asked for, and reset brings back a good server", async () => {
  await using server = await startChaosServer();
  let key = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyFaults, anyAction), { minLength: 1, maxLength: 4 }), async (storm) => {
      const session = await openWorking(server.url);
      let pending = 0;
      const expectNothingOf = (request: Promise<unknown>): void => {
        pending += 1;
        request
          .catch(() => {})
          .finally(() => {
            pending -= 1;
          });
      };
      for (const [faults, action] of storm) {
        server.set(faults);
        expectNothingOf(open(server.url));
        for (let call = 0; call < 3; call += 1) {
          key += 1;
          const params = { name: "sideEffect", arguments: { key: String(key) } };
          expectNothingOf(
            post(server.url, { id: key, method: "tools/call", params }, session).then((reply) => reply.text()),
          );
        }
        const headers = { accept: "text/event-stream", "mcp-session-id": session ?? "" };
        expectNothingOf(fetch(server.url, { headers }).then((reply) => reply.text()));
        await new Promise((resolve) => setImmediate(resolve));
        server[action]();
      }
      server.reset();
      server.forgetSessions();
      await until("every request has an end", () => {
        // Again and again: one may be on its way while the others are dropped.
        if (pending > 0) server.dropConnections();
        return pending === 0;
      });
      const keys = entriesOf(server.journal(), "sideEffect").map((entry) => entry.key);
      expect(new Set(keys).size).toBe(keys.length);
      await openWorking(server.url);
    }),
    { numRuns: 40 },
  );
});
