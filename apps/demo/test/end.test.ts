import { expect, test } from "vitest";
import { endsAtProcess, endsWhileUp } from "./ends.js";
import { descendantsOf, isAlive, startDemo, until } from "./support.js";

test("SIGTERM while the page is up leaves no process and ends the demo within 5 s", async () => {
  await endsWhileUp("SIGTERM");
}, 60_000);

test("SIGINT while it starts leaves no process", async () => {
  await endsAtProcess(2);
}, 60_000);

test("kill -9 of the demo leaves no process", async () => {
  const demo = startDemo("--port", "0");
  await demo.url;
  const pid = demo.child.pid ?? 0;
  await until(() => descendantsOf(pid).length >= 8, "all servers of both sides run");
  const pids = descendantsOf(pid);
  demo.child.kill("SIGKILL");
  await demo.exited;
  await until(() => !pids.some(isAlive), "no process of the demo is alive");
}, 60_000);

test("bad words on the command line end with 2 and a hint", async () => {
  const demo = startDemo("--prot", "1");
  expect(await demo.exited).toBe(2);
  expect(demo.output()).toContain("--help");
});

test("a configuration that cannot be read ends with 1 and names the file, without a stack", async () => {
  const demo = startDemo("--config", "/nowhere/mcp.json");
  expect(await demo.exited).toBe(1);
  expect(demo.output()).toContain("/nowhere/mcp.json");
  expect(demo.output()).not.toContain("    at ");
});
