import { expect, test } from "vitest";
import { endsAtProcess } from "./ends.js";
import { startDemo } from "./support.js";

test("SIGINT while it starts leaves no process", async () => {
  await endsAtProcess(2);
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
