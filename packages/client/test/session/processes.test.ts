import { once } from "node:events";
import type { FaultSettings } from "@minion/chaos";
import { describe, expect, test } from "vitest";
import { reapersOf, startApplication } from "./application.js";
import { chaosStdio, isAlive, open, rejection, survivors, until } from "./support.js";

const timeout = 90_000;
const stubborn: FaultSettings = {
  ignoreEof: true,
  ignoreTerm: true,
  grandchild: true,
  grandchildInherit: true,
  grandchildSession: true,
};

describe("an application that ends leaves nothing behind", () => {
  test("M5: kill -9, with servers that ignore everything", { timeout }, async () => {
    const application = await startApplication([stubborn, { ...stubborn, wrapper: "sh" }, {}], "wait");
    expect(application.reapers).toHaveLength(1);
    expect(application.left().length).toBeGreaterThan(8);
    process.kill(application.pid, "SIGKILL");
    await until(() => application.left().length === 0, "every server is gone");
    await until(() => !application.reapers.some(isAlive), "so is the reaper");
  });

  test("M5: Ctrl+C, which reaches the whole foreground group", { timeout }, async () => {
    const application = await startApplication([stubborn, {}], "wait");
    process.kill(-application.pid, "SIGINT");
    await once(application.child, "exit");
    expect(application.child.signalCode).toBe("SIGINT");
    await until(() => application.left().length === 0, "every server is gone");
    await until(() => !application.reapers.some(isAlive), "so is the reaper");
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("M5: %s", { timeout }, async (signal) => {
    const application = await startApplication([stubborn], "wait");
    process.kill(-application.pid, signal);
    await until(() => application.left().length === 0, "every server is gone");
  });

  test.each(["exit", "throw"])("M5: process.exit() or a crash (%s)", { timeout }, async (end) => {
    const application = await startApplication([{ ...stubborn, wrapper: "node" }], end);
    if (application.child.exitCode === null) await once(application.child, "exit");
    await until(() => application.left().length === 0, "every server is gone");
  });

  test("M5: after close() the application ends by itself, with nothing left in it", { timeout }, async () => {
    const application = await startApplication([{}, {}], "close");
    await once(application.child, "close");
    expect(application.child.exitCode).toBe(0);
    expect(application.lines).toEqual([{ listeners: [] }, { resources: [] }]);
    expect(application.left()).toEqual([]);
  });

  test("M5: no signal, exit or exception handler is installed", { timeout }, async () => {
    const application = await startApplication([{}], "wait");
    expect(application.lines[0]).toEqual({ listeners: [] });
    process.kill(application.pid, "SIGKILL");
    await until(() => application.left().length === 0, "the server is gone");
  });

  test("M5: a reaper that is killed is replaced", { timeout }, async () => {
    const application = await startApplication([stubborn], "wait");
    for (const reaper of application.reapers) process.kill(reaper, "SIGKILL");
    await until(
      () => reapersOf(application.pid).some((one) => !application.reapers.includes(one)),
      "there is a new one",
    );
    // One turn of the application later it has been told.
    application.child.stdin?.write("well?");
    await until(() => application.lines.length === 2, "the application is awake");
    process.kill(application.pid, "SIGKILL");
    await until(() => application.left().length === 0, "every server is gone");
  });
});

describe("a connection that ends leaves nothing behind", () => {
  test("M5: one reaper for all connections, gone with the last", { timeout }, async () => {
    const before = reapersOf(process.pid);
    expect(before).toEqual([]);
    const first = await open(chaosStdio().target);
    const second = await open(chaosStdio().target);
    expect(reapersOf(process.pid)).toHaveLength(1);
    await first.connection.close();
    expect(reapersOf(process.pid)).toHaveLength(1);
    await second.connection.close();
    await until(() => reapersOf(process.pid).length === 0, "the reaper is gone");
  });

  test("M5: a server that ignores everything is gone within closeTimeoutMs", { timeout }, async () => {
    const { target, journal } = chaosStdio({ faults: { ...stubborn, wrapper: "sh" } });
    const { connection } = await open(target, { closeTimeoutMs: 2_000 });
    expect(survivors(journal()).length).toBeGreaterThanOrEqual(5);
    const startedAt = performance.now();
    await connection.close();
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(survivors(journal())).toEqual([]);
  });

  test("M5: children of a server that crashed are found, also in a session of their own", { timeout }, async () => {
    const { target, journal } = chaosStdio({ faults: stubborn });
    const { call, connection, deaths } = await open(target);
    await call("echo", { text: "hi" });
    process.kill(journal().find((entry) => entry.event === "spawn")?.pid ?? 0, "SIGKILL");
    await until(() => deaths.length > 0, "its death is noticed");
    await connection.close();
    expect(survivors(journal())).toEqual([]);
  });

  test("M5: what hangs in the handshake is gone when the attempt rejects", { timeout }, async () => {
    const { target, journal } = chaosStdio({ faults: { ...stubborn, hangInitialize: true } });
    const started = until(
      () => journal().filter((entry) => entry.event === "grandchild").length === 3,
      "its children run",
    );
    const controller = new AbortController();
    const opening = rejection(open(target, { signal: controller.signal }));
    await started;
    const reason = new Error("not wanted any more");
    controller.abort(reason);
    expect(await opening).toBe(reason);
    expect(survivors(journal())).toEqual([]);
  });

  test("M5: concurrent closes share one end", { timeout }, async () => {
    const { target, journal } = chaosStdio();
    const { connection, deaths } = await open(target);
    await Promise.all([connection.close(), connection.close()]);
    expect(connection.close()).toBe(connection.close());
    expect(survivors(journal())).toEqual([]);
    expect(deaths).toEqual([]);
  });
});
