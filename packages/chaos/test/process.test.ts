import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { entriesOf, isAlive, RawServer, temporaryFolder, until } from "./support.js";

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Process group and session of a process. */
function familyOf(pid: number): { readonly group: number; readonly session: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { group: Number(group), session: Number(session) };
}

test("M5: a good server ends at the end of its input, and says so in the journal", async () => {
  await using server = await new RawServer().initialize();
  server.child.stdin?.end();
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(entriesOf(server.journal(), "spawn")).toMatchObject([{ pid: server.pid, ppid: process.pid }]);
  expect(server.journal().slice(-2)).toMatchObject([{ event: "eof" }, { event: "exit", code: 0 }]);
});

test("M5: a good server ends at SIGTERM", async () => {
  await using server = await new RawServer().initialize();
  server.child.kill("SIGTERM");
  expect(await server.ended()).toEqual({ code: 143, signal: null });
  expect(entriesOf(server.journal(), "signal")).toMatchObject([{ name: "SIGTERM" }]);
});

test("M5: one that ignores the end of its input and SIGTERM lives until SIGKILL, whose exit is not journalled", async () => {
  await using server = await new RawServer({ faults: { ignoreEof: true, ignoreTerm: true } }).initialize();
  server.child.stdin?.end();
  await until("it saw the end", () => entriesOf(server.journal(), "eof").length === 1);
  server.child.kill("SIGTERM");
  await until("it saw the signal", () => entriesOf(server.journal(), "signal").length === 1);
  server.child.kill("SIGHUP");
  await until("it saw the other", () => entriesOf(server.journal(), "signal").length === 2);
  expect(server.exit).toBeUndefined();
  server.child.kill("SIGKILL");
  expect(await server.ended()).toEqual({ code: null, signal: "SIGKILL" });
  expect(entriesOf(server.journal(), "exit")).toEqual([]);
});

test("M5: a busy one computes forever, deaf to input, its end and SIGTERM", async () => {
  await using server = await new RawServer({ faults: { busy: true } }).initialize();
  const cpu = (): number => {
    const stat = readFileSync(`/proc/${server.pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11]);
  };
  await until("it is initialized", () => entriesOf(server.journal(), "notification").length === 1);
  server.send({ id: 1, method: "ping" });
  server.child.stdin?.end();
  server.child.kill("SIGTERM");
  const before = cpu();
  await until("it has computed for a while", () => cpu() > before + 20);
  expect(server.exit).toBeUndefined();
  expect(entriesOf(server.journal(), "eof")).toEqual([]);
  expect(server.messages().some((message) => message.id === 1)).toBe(false);
});

test.each(["node", "sh"] as const)(
  "M5: behind a %s wrapper the server is a descendant that outlives it",
  async (wrapper) => {
    await using server = await new RawServer({ faults: { wrapper, grandchild: true } }).initialize();
    const [spawned] = entriesOf(server.journal(), "spawn");
    const [grandchild] = entriesOf(server.journal(), "grandchild");
    if (spawned === undefined || grandchild === undefined) throw new Error("not journalled");
    expect(spawned.pid).not.toBe(server.pid);
    const parent = parentOf(spawned.pid);
    expect(wrapper === "node" ? parent : parentOf(parent)).toBe(server.pid);
    expect(parentOf(grandchild.child)).toBe(spawned.pid);
    server.call(1, "slow", { ms: 1_000 });
    await until("the call is there", () => entriesOf(server.journal(), "request").length === 1);
    server.child.kill("SIGKILL");
    await server.ended();
    expect(isAlive(spawned.pid) && isAlive(grandchild.child)).toBe(true);
    expect(await server.answer(1)).toMatchObject({ result: { content: [{ text: "slept 1000 ms" }] } });
  },
);

test("M5: a wrapper ends with its server's exit code", async () => {
  await using server = await new RawServer({ faults: { wrapper: "sh" } }).initialize();
  server.call(1, "crash", { when: "before", key: "k", code: 7 });
  expect(await server.ended()).toEqual({ code: 7, signal: null });
});

test("M5: grandchildren have a stdio of their own, the server's, or a session of their own", async () => {
  const faults = { grandchild: true, grandchildInherit: true, grandchildSession: true };
  await using server = await new RawServer({ faults }).initialize();
  const [own, inherit, session] = entriesOf(server.journal(), "grandchild").map((entry) => entry.child);
  if (own === undefined || inherit === undefined || session === undefined) throw new Error("not journalled");
  const families = [own, inherit, session].map(familyOf);
  expect(families.map(({ group }) => group === familyOf(server.pid).group)).toEqual([true, true, false]);
  expect(families.map((family) => family.session)).toEqual([
    familyOf(server.pid).session,
    familyOf(server.pid).session,
    session,
  ]);
  server.child.stdin?.end();
  await server.ended();
  expect([own, inherit, session].map(isAlive)).toEqual([true, true, true]);
  expect(server.isStdoutOpen).toBe(true);
  process.kill(inherit, "SIGKILL");
  await until("stdout is closed", () => !server.isStdoutOpen);
});

test("M5: grandchildren of one that ignores SIGTERM ignore it too", async () => {
  await using server = await new RawServer({ faults: { grandchild: true, ignoreTerm: true } }).initialize();
  const [grandchild] = entriesOf(server.journal(), "grandchild");
  if (grandchild === undefined) throw new Error("not journalled");
  const ignored = (): bigint =>
    BigInt(`0x${/^SigIgn:\s+(\w+)/m.exec(readFileSync(`/proc/${grandchild.child}/status`, "utf8"))?.[1]}`);
  await until("it ignores SIGTERM", () => (ignored() & (1n << 14n)) !== 0n);
  expect(ignored() & 1n).toBe(1n);
});

test("M6: one that exits while idle does so after the last answer, not in a call", async () => {
  await using server = await new RawServer({ faults: { exitWhileIdleMs: 300 } }).initialize();
  server.call(1, "slow", { ms: 900 });
  expect(await server.answer(1)).toMatchObject({ result: { content: [{ text: "slept 900 ms" }] } });
  expect(await server.ended()).toEqual({ code: 0, signal: null });
});

test("M6: a crash is before or after the side effect, with the code asked for", async () => {
  await using before = await new RawServer().initialize();
  before.call(1, "crash", { when: "before", key: "k" });
  expect(await before.ended()).toEqual({ code: 1, signal: null });
  expect(entriesOf(before.journal(), "sideEffect")).toEqual([]);
  await using after = await new RawServer().initialize();
  after.call(1, "crash", { when: "after", key: "k", code: 3 });
  expect(await after.ended()).toEqual({ code: 3, signal: null });
  expect(entriesOf(after.journal(), "sideEffect")).toMatchObject([{ tool: "crash", key: "k" }]);
  expect(after.messages().some((message) => message.id === 1)).toBe(false);
});

test("M6: stdout can be closed while the process lives", async () => {
  await using server = await new RawServer().initialize();
  server.call(1, "chaos", { action: "dropConnections" });
  await until("stdout is closed", () => !server.isStdoutOpen);
  expect(server.exit).toBeUndefined();
  server.call(2, "sideEffect", { key: "unheard" });
  await until("it still works", () => entriesOf(server.journal(), "sideEffect").length === 1);
});

test("M5: a start that fails says why on stderr and exits 1", async () => {
  await using server = new RawServer({ faults: { failStart: "no licence: key=abc" } });
  expect(await server.ended()).toEqual({ code: 1, signal: null });
  await until("stderr is read", () => server.stderr.includes("no licence: key=abc"));
});

test("M6: a flapping one fails at every nth spawn and every nth call", async () => {
  using folder = temporaryFolder();
  const journal = join(folder.path, "journal.jsonl");
  const codes: (number | null)[] = [];
  for (let spawn = 1; spawn <= 2; spawn += 1) {
    await using server = new RawServer({ journal, faults: { flapSpawns: 2 } });
    server.child.stdin?.end();
    codes.push((await server.ended()).code);
  }
  expect(codes).toEqual([0, 1]);
  await using server = await new RawServer({ faults: { flapCalls: 3 } }).initialize();
  for (const id of [1, 2]) {
    server.call(id, "sideEffect", { key: String(id) });
    await server.answer(id);
  }
  server.call(3, "sideEffect", { key: "3" });
  expect((await server.ended()).code).toBe(1);
  expect(entriesOf(server.journal(), "sideEffect").map((entry) => entry.key)).toEqual(["1", "2"]);
});

test("M5: every process of it ends by itself some time after the one that started it", async () => {
  using folder = temporaryFolder();
  const journal = join(folder.path, "journal.jsonl");
  const faults = { ignoreEof: true, ignoreTerm: true, busy: true, grandchild: true, grandchildSession: true };
  await using server = new RawServer({ journal, maxLifeMs: 1_000, faults: { ...faults, wrapper: "sh" } });
  await server.initialize();
  const pids = server.journal().flatMap((entry) => (entry.event === "grandchild" ? [entry.child] : [entry.pid]));
  expect(pids.length).toBeGreaterThan(3);
  // The shell between is left alone with them; that it still waits is no parent's care.
  const [spawned] = entriesOf(server.journal(), "spawn");
  if (spawned === undefined) throw new Error("not journalled");
  const shell = parentOf(spawned.pid);
  process.kill(shell, "SIGKILL");
  server.child.kill("SIGKILL");
  await until("nobody is left", () => [...pids, shell].every((pid) => !isAlive(pid)));
});
