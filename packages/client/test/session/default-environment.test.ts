import { getDefaultEnvironment } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterEach, expect, test, vi } from "vitest";
import { defaultEnvironment } from "../../src/session/stdio/default-environment.js";

afterEach(() => vi.unstubAllEnvs());

test("M20: a server inherits what the client of SDK v1 passes on, and no function of a shell", () => {
  vi.stubEnv("API_KEY", "secret");
  expect(defaultEnvironment(process.platform === "win32")).toEqual(getDefaultEnvironment());
  vi.stubEnv("SHELL", "() { :; }");
  vi.stubEnv("USERPROFILE", "home");
  expect(defaultEnvironment(false)).not.toHaveProperty("SHELL");
  expect(defaultEnvironment(true)).toMatchObject({ USERPROFILE: "home" });
  expect(defaultEnvironment(true)).not.toHaveProperty("API_KEY");
});
