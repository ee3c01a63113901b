import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Reaper, reaperScript } from "../../src/session/stdio/reaper.js";
import { ServerProcess } from "../../src/session/stdio/server-process.js";
import { reapersOf } from "./application.js";
import { isAlive, open, rejection, temporaryFolder, until } from "./support.js";

const timeout = 60_000;

/** A process that leads a group of its own. */
function startSleeper(): number {
  const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.unref();
  return child.pid ?? 0;
}

test("M5: a reaper without a shell is no reaper, and no failure", { timeout }, async () => {
  const reaper = new Reaper("/bin/there-is-no-such-shell");
  reaper.add(1_000_000_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  reaper.remove(1_000_000_000);
  reaper.remove(1_000_000_000);
  reaper.rest();
});

test("M5: a program that cannot be started leaves no reaper", { timeout }, async () => {
  expect(await rejection(open({ command: "there-is-no-such-program" }))).toMatchObject({
    kind: "connect",
    cause: { code: "ENOENT" },
  });
  await until(() => reapersOf(process.pid).length === 0, "the shell is gone");
});

test("M5: it ends what it was told of and not yet told to forget, but no later process with the same id", {
  timeout,
}, async () => {
  const [mine, forgotten, later] = [startSleeper(), startSleeper(), startSleeper()];
  const shell = spawn("/bin/sh", ["-c", reaperScript], { stdio: ["pipe", "ignore", "ignore"] });
  // Its input ends, as when the application does.
  shell.stdin.end(`+ ${mine} \n+ ${forgotten} \n+ ${later} 1\n- ${forgotten}\n- 12345\n`);
  await once(shell, "exit");
  expect([mine, forgotten, later].map(isAlive)).toEqual([false, true, true]);
});

test("M5: one that is killed is replaced, and told everything again", { timeout }, async () => {
  const reaper = new Reaper();
  const mine = startSleeper();
  reaper.add(mine);
  const [first = 0] = reapersOf(process.pid);
  process.kill(first, "SIGKILL");
  await until(() => !isAlive(first), "it is gone");
  // Before anybody knows.
  const other = startSleeper();
  reaper.add(other);
  reaper.remove(other);
  await until(() => reapersOf(process.pid).some((one) => one !== first), "there is another");
  reaper.remove(mine);
  await until(() => reapersOf(process.pid).length === 0, "it is gone");
  expect(isAlive(mine)).toBe(true);
  reaper.prepare();
  process.kill(reapersOf(process.pid)[0] ?? 0, "SIGKILL");
  await until(() => reapersOf(process.pid).length === 0, "one without work is not replaced");
});

test("M5: where processes cannot be listed the group is ended all the same", { timeout }, async () => {
  const server = new ServerProcess(
    { command: "sh", args: ["-c", "trap '' TERM; sleep 60 & sleep 60"] },
    async () => [],
  );
  await server.remember();
  await server.end(1_000, { hasty: true });
  expect(isAlive(server.child.pid ?? 0)).toBe(false);
});

test("M5: where processes cannot be listed a server that ended at once is known to be gone", { timeout }, async () => {
  const server = new ServerProcess({ command: "sleep", args: ["60"] }, async () => []);
  const startedAt = performance.now();
  await server.end(10_000, { hasty: true });
  expect(performance.now() - startedAt).toBeLessThan(9_000);
  expect(isAlive(server.child.pid ?? 0)).toBe(false);
});

test("M5: what cannot be killed holds close() up for closeTimeoutMs and no longer", { timeout }, async () => {
  const entry = { group: 1_000_000_001, session: 1_000_000_001, startedAt: "1" };
  const server: ServerProcess = new ServerProcess({ command: "sleep", args: ["60"] }, async () => [
    { ...entry, pid: process.pid, parent: 1 },
    { ...entry, pid: 1_000_000_000, parent: server.child.pid ?? 0 },
  ]);
  const startedAt = performance.now();
  await server.end(400, { hasty: true });
  expect(performance.now() - startedAt).toBeGreaterThan(300);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(isAlive(server.child.pid ?? 0)).toBe(false);
});

test("M5: on Windows the tree is ended by taskkill", { timeout }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "taskkill"), '#!/bin/sh\necho "$@" > "$(dirname "$0")/asked"\nkill -s KILL "$2"\n');
  chmodSync(join(folder, "taskkill"), 0o755);
  const { PATH } = process.env;
  const platform = Object.getOwnPropertyDescriptor(process, "platform");
  Object.defineProperty(process, "platform", { value: "win32" });
  process.env.PATH = `${folder}:${PATH}`;
  try {
    const server = new ServerProcess({ command: "sleep", args: ["60"] });
    await server.remember();
    await server.end(500, { hasty: false });
    await until(() => server.child.signalCode === "SIGKILL", "it is killed");
  } finally {
    process.env.PATH = PATH;
    if (platform !== undefined) Object.defineProperty(process, "platform", platform);
  }
});
