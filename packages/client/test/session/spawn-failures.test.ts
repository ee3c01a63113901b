import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ServerProcess } from "../../src/session/stdio/server-process.js";
import { isAlive, open, rejection, temporaryFolder, until } from "./support.js";

test("M5: a working directory that is missing or a file is named, the missing program of a script too, and a missing command as before", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "script");
  writeFileSync(file, "#!/no/such/interpreter\n", { mode: 0o755 });
  const cwd = join(folder, "no-such-folder");
  const target = { command: process.execPath, args: ["-e", "0"], cwd };
  expect(await rejection(open(target))).toMatchObject({ kind: "connect", message: expect.stringContaining(cwd) });
  expect(await rejection(open({ ...target, cwd: file }))).toMatchObject({
    kind: "connect",
    message: `its working directory ${file} is not a directory`,
  });
  const below = join(file, "folder");
  expect(await rejection(open({ ...target, cwd: below }))).toMatchObject({
    kind: "connect",
    message: `its working directory ${below} does not exist`,
  });
  expect(await rejection(open({ command: file }))).toMatchObject({
    kind: "connect",
    message: `${file} names a program in its first line that does not exist`,
  });
  const missing = { command: join(cwd, "program") };
  expect(await rejection(open(missing))).toMatchObject({ kind: "connect", message: expect.stringContaining("ENOENT") });
});

test("M5: what was started outside the tree and lost its parent is found by its cookie, though the server crashed", async () => {
  const file = join(temporaryFolder(), "pid");
  const script = `const { spawn } = require("node:child_process"); const one = spawn("/bin/sh", ["-c", "echo $$ > ${file}; exec sleep 60"], { detached: true, stdio: "ignore" }); one.unref(); setTimeout(() => process.exit(3), 300);`;
  const server = new ServerProcess({ command: process.execPath, args: ["-e", script] });
  await server.started;
  await until(() => server.child.exitCode === 3, "the crash");
  const { readFileSync } = await import("node:fs");
  const pid = Number(readFileSync(file, "utf8"));
  expect(isAlive(pid)).toBe(true);
  await server.end(4_000, { hasty: true });
  expect(isAlive(pid)).toBe(false);
});

test("M5: a tree that forks while it is being ended is gone when the end has come", async () => {
  const folder = temporaryFolder();
  const script = join(folder, "forker.sh");
  const mark = `minion-forker-${process.pid}`;
  writeFileSync(
    script,
    `trap '' TERM\nn=0\nwhile [ $n -lt 200 ]; do setsid sh -c "sleep 30; : ${mark}" & n=$((n+1)); sleep 0.01; done\nwait\n`,
  );
  const server = new ServerProcess({ command: "/bin/sh", args: [script] });
  await server.started;
  await new Promise((resolve) => setImmediate(resolve));
  await server.end(1_500, { hasty: true });
  const left = spawn("pgrep", ["-f", mark], { stdio: ["ignore", "pipe", "ignore"] });
  let found = "";
  left.stdout.on("data", (chunk) => {
    found += chunk;
  });
  await new Promise((resolve) => left.once("close", resolve));
  expect(found).toBe("");
});

test("M1: a server that ends with its input unread is told with its exit code and its last words", async () => {
  const script = "exec 0<&-; echo no licence found >&2; exit 3";
  const target = { command: "sh", args: ["-c", script] };
  // More than a pipe holds, so that it cannot be written before the input is closed.
  const clientInfo = { name: "x".repeat(1_000_000), version: "1" };
  expect(await rejection(open(target, { clientInfo }))).toMatchObject({
    kind: "connect",
    message: "the server's process ended with exit code 3",
    stderrTail: "no licence found",
  });
});
