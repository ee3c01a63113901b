import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { windowsCommand } from "../../src/session/stdio/windows-command.js";

const env = { PATH: ["/programs", "/tools"].join(delimiter), comspec: "C:\\Windows\\cmd.exe" };
const at =
  (...files: string[]) =>
  (path: string) =>
    files.includes(path);

test("M5: Windows: a .cmd file goes through cmd.exe, named or found on the path; anything else is started as it is", () => {
  const npx = windowsCommand("npx", ["-y", "server"], env, at(join("/tools", "npx.cmd")));
  expect(npx).toEqual({ command: env.comspec, args: ["/d", "/s", "/c", '"npx ^"-y^" ^"server^""'], isVerbatim: true });
  expect(windowsCommand("C:\\x\\tool.BAT", [], env, at()).isVerbatim).toBe(true);
  const both = at(join("/programs", "node.exe"), join("/tools", "node.cmd"));
  expect(windowsCommand("node", ["a b"], env, both)).toEqual({ command: "node", args: ["a b"], isVerbatim: false });
  expect(windowsCommand("server.exe", [], env, at()).isVerbatim).toBe(false);
  expect(windowsCommand("missing", [], env, at()).isVerbatim).toBe(false);
});

test.each([
  ["plain", '^"plain^"'],
  ["two words", '^"two^ words^"'],
  ["a&b|c>d<e^f", '^"a^&b^|c^>d^<e^^f^"'],
  ["%PATH%", '^"^%PATH^%^"'],
  ['say "hi"', '^"say^ \\^"hi\\^"^"'],
  ["C:\\folder\\", '^"C:\\folder\\\\^"'],
  ["", '^"^"'],
])(
  "M5: Windows: an argument reaches the program as it is, whatever cmd.exe makes of its characters: %s",
  (arg, expected) => {
    expect(windowsCommand("x.cmd", [arg], env, at()).args[3]).toBe(`"x.cmd ${expected}"`);
  },
);
