import { expect, test } from "vitest";
import { descendantsOf, isAlive, startDemo, until } from "./support.js";

const limitMs = 5_000;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} while the page is up leaves no process and ends the demo within 5 s`, async () => {
    const demo = startDemo("--port", "0");
    await demo.url;
    const pid = demo.child.pid ?? 0;
    await until(() => descendantsOf(pid).length >= 8, "all servers of both sides run");
    await endsCleanly(demo, signal);
  }, 60_000);
}

test("SIGINT at any moment of the start leaves no process", async () => {
  // The demo is interrupted as soon as it has its first, second, third ... process.
  for (const count of [1, 2, 3, 5]) {
    const demo = startDemo("--port", "0");
    const pid = demo.child.pid ?? 0;
    await until(() => descendantsOf(pid).length >= count || demo.child.exitCode !== null, `${count} processes run`);
    await endsCleanly(demo, "SIGINT");
  }
}, 120_000);

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

test("a configuration that cannot be read ends with 1 and names the file", async () => {
  const demo = startDemo("--config", "/nowhere/mcp.json");
  expect(await demo.exited).toBe(1);
  expect(demo.output()).toContain("/nowhere/mcp.json");
});

async function endsCleanly(demo: ReturnType<typeof startDemo>, signal: NodeJS.Signals): Promise<void> {
  const pids = descendantsOf(demo.child.pid ?? 0);
  const begin = performance.now();
  demo.child.kill(signal);
  const code = await demo.exited;
  expect(performance.now() - begin).toBeLessThan(limitMs + 500);
  expect([130, 143]).toContain(code);
  await until(() => !pids.some(isAlive), "no process of the demo is alive", 3_000);
}
