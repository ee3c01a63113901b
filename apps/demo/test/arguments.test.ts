import { expect, test } from "vitest";
import { parseArguments } from "../src/arguments.js";

test("no word means the page on the usual port", () => {
  expect(parseArguments([])).toEqual({
    ...{ once: false, json: false, help: false, config: undefined, port: 9464 },
    ...{ host: "127.0.0.1", allowedHosts: [] },
  });
});

test("values are taken after a space and after an equals sign", () => {
  expect(parseArguments(["--config", "mcp.json", "--port=0"])).toMatchObject({ config: "mcp.json", port: 0 });
});

test("another address is listened on, and other host names are answered, only where that is said", () => {
  const words = ["--host", "0.0.0.0", "--allow-host=demo.example", "--allow-host", "other.example"];
  expect(parseArguments(words)).toMatchObject({ host: "0.0.0.0", allowedHosts: ["demo.example", "other.example"] });
});

test("the -- that package managers pass on is no option", () => {
  expect(parseArguments(["--", "--once", "--json"])).toMatchObject({ once: true, json: true });
});

test.each([
  [["--onec"], 'Unknown option "--onec"'],
  [["--port"], "--port needs a value"],
  [["--host"], "--host needs a value"],
  [["--allow-host="], "--allow-host needs a value"],
  [["--port", "http"], '--port must be 0..65535, got "http"'],
  [["--port", "65536"], "--port must be"],
  [["--once=1"], "--once takes no value"],
  [["--json"], "use it with --once"],
  [["--once", "--config", "mcp.json"], "leave --config out"],
])("%j makes no sense, and says why", (words, message) => {
  expect(() => parseArguments(words)).toThrow(message);
});
