// What each client does when something goes wrong: the servers' journals tell, not the clients.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chaosCommand, readJournal, startChaosServer } from "@minion/chaos";
import { stdioServer } from "../dist/servers/start-servers.js";
import { manyServers } from "./clients.js";

/** Long enough for a replay or a restart that a client may attempt behind the caller's back. */
const settleMs = 2_500;
const callLimitMs = 20_000;

async function overStdio(faults, probe) {
  const folder = await mkdtemp(join(tmpdir(), "bench-peers-"));
  const journal = join(folder, "journal");
  try {
    return await probe(chaosCommand({ faults, journal, maxLifeMs: 20_000 }), () => readJournal(journal));
  } finally {
    for (const { pid, child } of readJournal(journal)) for (const id of [pid, child]) end(id);
    await rm(folder, { recursive: true, force: true });
  }
}

async function overHttp(faults, probe) {
  const server = await startChaosServer({ faults });
  try {
    return await probe(server);
  } finally {
    await server.close();
  }
}

/** A process that has ended and that nobody has waited for yet is not alive. */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return !existsSync("/proc/self/stat");
  }
}

/** Ends a process of a probe's own server. */
function end(pid) {
  if (pid === undefined || pid === process.pid) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** "works" where the call ends well within its limit. */
async function outcome(call) {
  const limit = AbortSignal.timeout(callLimitMs);
  const timedOut = new Promise((resolve) => limit.addEventListener("abort", () => resolve("hangs")));
  const ended = call().then(
    (result) => (result?.isError ? "fails" : "works"),
    () => "fails",
  );
  return await Promise.race([ended, timedOut]);
}

async function nextCalls(client) {
  const first = await outcome(() => client.call("echo", { text: "a" }));
  if (first === "works") return "recovers";
  await sleep(settleMs);
  return (await outcome(() => client.call("echo", { text: "b" }))) === "works" ? "recovers after one error" : "dead";
}

const count = (journal, event, more = () => true) =>
  journal.filter((entry) => entry.event === event && more(entry)).length;
const lists = (journal) => count(journal, "request", ({ method }) => method === "tools/list");

/** Name of the row to what is done with one client; `open` connects it. */
export const probes = {
  "10 lists at once: requests on the wire": (open) =>
    overStdio({}, async (target, journal) => {
      const client = await open(target);
      await Promise.all(Array.from({ length: 10 }, () => client.list()));
      const spawns = count(journal(), "spawn");
      const found = lists(journal());
      await client.close();
      return spawns > 2 ? `${found}, and ${spawns} processes` : String(found);
    }),

  "one more list": (open) =>
    overStdio({}, async (target, journal) => {
      const client = await open(target);
      await client.list();
      const before = lists(journal());
      await client.list();
      const after = lists(journal());
      await client.close();
      return after > before ? "wire" : "cached";
    }),

  "list after `list_changed`": (open) =>
    overStdio({}, async (target) => {
      const client = await open(target);
      const before = await client.list();
      await client.call("chaos", { set: { tools: 3 }, action: "listChanged", count: 1 });
      await sleep(500);
      const after = await client.list();
      await client.close();
      return after.length > before.length ? "fresh" : "STALE";
    }),

  "stdio server dies, next call": (open) =>
    overStdio({}, async (target, journal) => {
      const client = await open(target);
      await client.call("echo", { text: "a" });
      for (const { pid } of journal().filter(({ event }) => event === "spawn")) end(pid);
      await sleep(1_000);
      const found = await nextCalls(client);
      await client.close().catch(() => {});
      return found;
    }),

  "stdio: side effect, then death before the reply: times it ran": (open) =>
    overStdio({}, async (target, journal) => {
      const client = await open(target);
      await client.list();
      await outcome(() => client.call("crash", { when: "after", key: "order" }));
      await sleep(settleMs);
      await client.close().catch(() => {});
      return String(count(journal(), "sideEffect"));
    }),

  "HTTP: side effect, then socket reset: times it ran": (open) =>
    overHttp({}, async (server) => {
      const client = await open({ url: server.url });
      await client.list();
      server.set({ resetSocket: true, when: "after", only: "calls", times: 1 });
      await outcome(() => client.call("sideEffect", { key: "order" }));
      await sleep(settleMs);
      const found = count(server.journal(), "sideEffect");
      await client.close().catch(() => {});
      return String(found);
    }),

  "HTTP 503 with `Retry-After`, once: the call": (open) =>
    overHttp({}, async (server) => {
      const client = await open({ url: server.url });
      await client.list();
      server.set({ status: 503, retryAfter: "1", only: "calls", when: "before", times: 1 });
      const found = await outcome(() => client.call("echo", { text: "a" }));
      await client.close().catch(() => {});
      return found;
    }),

  "server forgets the session (404), next call": (open) =>
    overHttp({}, async (server) => {
      const client = await open({ url: server.url });
      await client.call("echo", { text: "a" });
      server.forgetSessions();
      const found = await nextCalls(client);
      await client.close().catch(() => {});
      return found;
    }),

  "8 calls at once after the 404": (open) =>
    overHttp({}, async (server) => {
      const client = await open({ url: server.url });
      await client.call("echo", { text: "a" });
      const before = count(server.journal(), "initialize");
      server.forgetSessions();
      const calls = Array.from({ length: 8 }, (_, index) =>
        outcome(() => client.call("echo", { text: String(index) })),
      );
      const well = (await Promise.all(calls)).filter((found) => found === "works").length;
      const handshakes = count(server.journal(), "initialize") - before;
      await client.close().catch(() => {});
      return well === 0 ? "0 of 8" : `${well} of 8, ${handshakes} handshake${handshakes === 1 ? "" : "s"}`;
    }),

  "alive after `close()` behind a wrapper as with npx": (open) =>
    overStdio({ wrapper: "node", grandchild: true }, async (target, journal) => {
      const client = await open(target);
      await client.call("echo", { text: "a" });
      await client.close();
      const at = (entries) =>
        [...new Set(entries.flatMap(({ pid, child }) => [pid, child]))].filter(
          (pid) => pid !== undefined && isAlive(pid),
        );
      const atOnce = at(journal()).length;
      await sleep(settleMs);
      const later = at(journal()).length;
      return later > 0 ? `${later} process${later === 1 ? "" : "es"}` : atOnce > 0 ? "none, a little later" : "none";
    }),

  "processes started to connect once": (open) =>
    overStdio({}, async (target, journal) => {
      const client = await open(target);
      await client.call("echo", { text: "a" });
      await client.close();
      return String(count(journal(), "spawn"));
    }),
};

/** A tool that never answers, at each client's default time-out; all of them wait at the same time. */
export const patience = {
  "a tool that never answers": (open) =>
    overStdio({}, async (target) => {
      const client = await open(target);
      const startedAt = performance.now();
      const gaveUp = client.call("hang", {}).then(
        () => "answers",
        () => `gives up after ${Math.round((performance.now() - startedAt) / 1000)} s`,
      );
      return await Promise.race([gaveUp, sleep(75_000, "no limit seen in 75 s", { ref: false })]);
    }),
};

const rounds = 3;

function middle(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

/** Speed, in the same words as the failures: one cell each. */
export const speeds = {
  "calls per second over stdio, 64 at a time": async (open) => {
    const client = await open({ ...stdioServer({ tools: 10 }), env: {} });
    const total = 3_000;
    const found = [];
    for (let round = -1; round < rounds; round += 1) {
      let left = total;
      const worker = async () => {
        while (left > 0) {
          left -= 1;
          await client.call("echo", { text: "hello" });
        }
      };
      const startedAt = performance.now();
      await Promise.all(Array.from({ length: 64 }, worker));
      if (round >= 0) found.push((total / (performance.now() - startedAt)) * 1000);
    }
    await client.close();
    return Math.round(middle(found)).toLocaleString("en");
  },

  "cold start: 10 servers, connected and listed": async (open, name) => {
    const targets = Array.from({ length: 10 }, () => ({ ...stdioServer({ tools: 10 }), env: {} }));
    const start =
      manyServers[name] ??
      (async () => {
        const opened = await Promise.all(targets.map((target) => open(target)));
        await Promise.all(opened.map((client) => client.list()));
        return () => Promise.all(opened.map((client) => client.close()));
      });
    const found = [];
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now();
      const close = await start(targets);
      found.push(performance.now() - startedAt);
      await close();
    }
    return `${Math.round(middle(found))} ms`;
  },
};
