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
  ['say "hi"', '^^^"say^^^ \\^^^"hi\\^^^"^^^"'],
  ["C:\\folder\\", '^"C:\\folder\\\\^"'],
  ["", '^"^"'],
])(
  "M5: Windows: an argument reaches the program as it is, whatever cmd.exe makes of its characters: %s",
  (arg, expected) => {
    expect(windowsCommand("x.cmd", [arg], env, at()).args[3]).toBe(`"x.cmd ${expected}"`);
  },
);

/** What `cmd.exe` makes of a line: carets outside of quotation marks escape what is behind them. */
function readByCmd(line: string): { readonly text: string; readonly operators: string } {
  let text = "";
  let operators = "";
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? "";
    if (char === "^" && !isQuoted) {
      at += 1;
      text += line[at] ?? "";
      continue;
    }
    if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && "&|<>".includes(char)) operators += char;
    text += char;
  }
  return { text, operators };
}

test.each([
  ["a&b"],
  ['{"name":"a&b|c"}'],
  ['"&calc&"'],
  ["a^b"],
  ['\\"&x'],
  ['""'],
  ["<in >out"],
  ['mixed "a^b" & c'],
  ["%A%&b"],
])(
  "M5: Windows: no character of an argument is an operator of cmd.exe, on its own line nor in the batch file: %s",
  (arg) => {
    const [, line = ""] = /^"x\.cmd (.*)"$/s.exec(windowsCommand("x.cmd", [arg], env, at()).args[3] ?? "") ?? [];
    const first = readByCmd(line);
    const second = readByCmd(first.text);
    expect([first.operators, second.operators]).toEqual(["", ""]);
    const plain = arg.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, "$1$1");
    expect(second.text).toBe(`"${plain}"`);
  },
);
