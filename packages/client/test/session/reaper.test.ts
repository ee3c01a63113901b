import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Reaper, reaperScript } from "../../src/session/reaper.js";
import { ServerProcess } from "../../src/session/server-process.js";
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
