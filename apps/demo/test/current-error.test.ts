import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CurrentError } from "../src/current-error.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("the same error is counted with its first and its last time, whatever figures stand in its text", () => {
  const error = new CurrentError();
  const first = Date.now();
  expect(error.failed("ERR_MCP_TIMEOUT", "longer than 2000 ms")).toBe(true);
  vi.advanceTimersByTime(500);
  expect(error.failed("ERR_MCP_TIMEOUT", "longer than 2001 ms")).toBe(false);
  expect(error.view("")).toMatchObject({ times: 2, first, last: first + 500, message: "longer than 2001 ms" });
  expect(error.failed("ERR_MCP_HTTP", "refused")).toBe(true);
  expect(error.view("")).toMatchObject({ times: 1, code: "ERR_MCP_HTTP" });
});

test("refusals do not cover what the server did before them; they are counted beside it", () => {
  const error = new CurrentError();
  error.failed("ERR_MCP_HTTP", "status 500");
  expect(error.failed("ERR_MCP_UNAVAILABLE", "its breaker is open")).toBe(false);
  expect(error.view("")).toMatchObject({ code: "ERR_MCP_HTTP", times: 1, refused: 1 });
});

test("a refusal after repeated attempts tells what those failed with", () => {
  const error = new CurrentError();
  error.retried("ERR_MCP_HTTP");
  error.failed("ERR_MCP_UNAVAILABLE", "its breaker is open");
  expect(error.view("")?.message).toContain("failed with ERR_MCP_HTTP");
});

test("an error is over once the server has answered since and the error has stayed away, and not before", () => {
  const error = new CurrentError();
  error.failed("ERR_MCP_CONNECT", "refused");
  vi.advanceTimersByTime(10_000);
  expect(error.takeOver()).toBeUndefined();
  error.failed("ERR_MCP_CONNECT", "refused");
  vi.advanceTimersByTime(100);
  error.answered();
  expect(error.takeOver()).toBeUndefined();
  vi.advanceTimersByTime(3_000);
  expect(error.takeOver()).toMatchObject({ code: "ERR_MCP_CONNECT", times: 2 });
  expect(error.view("")).toBeUndefined();
  expect(error.takeOver()).toBeUndefined();
});

test("the last lines of stderr stand beside the error, unless its text ends with them", () => {
  const error = new CurrentError();
  error.failed("ERR_MCP_TIMEOUT", "too slow");
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  expect(error.view(`${lines.join("\n")}\n`)?.stderr.split("\n")).toEqual(lines.slice(-20));
  error.failed("ERR_MCP_CONNECT", "It last wrote to stderr:\nno licence");
  expect(error.view("no licence\n")?.stderr).toBe("");
});
