import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { helpText, readArguments } from "../src/cli-arguments.js";
import { faultRules } from "../src/fault-rules.js";
import { until } from "./support.js";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const run = (args: readonly string[]): Promise<Ended> => runNode([cli, ...args]);

function runNode(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (text) => {
      out += text;
    });
    child.stderr.on("data", (text) => {
      err += text;
    });
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

test("the program helps, and lists every fault", async () => {
  const { code, out, err } = await run(["--help"]);
  expect([code, err, out]).toEqual([0, "", helpText()]);
  for (const name of Object.keys(faultRules))
    expect(out).toContain(` --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} `);
  expect((await run(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("the built package starts the built program beside it", async () => {
  const script = `import { chaosCommand, spawnChaosServer } from "@minion/chaos";
    const server = await spawnChaosServer();
    console.log(JSON.stringify([chaosCommand().args[0], (await fetch(server.controlUrl)).status]));
    await server.close();`;
  const { code, out, err } = await runNode(["--input-type=module", "-e", script]);
  expect([code, err, JSON.parse(out)]).toEqual([0, "", [cli, 200]]);
});

test("a bad command line is one clear sentence on stderr and exit 2", async () => {
  expect(await run(["stdio", "--chunk-bytes", "0"])).toEqual({
    code: 2,
    out: "",
    err: "minion-chaos: chunkBytes must be a positive integer or Infinity, got 0\n",
  });
});

test("a port that is taken is exit 2", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { code, err } = await run(["http", "--port", String(port)]);
  expect(code).toBe(2);
  expect(err).toContain("EADDRINUSE");
  taken.close();
});

test("a journal that cannot be written is exit 2", async () => {
  const { code, err } = await run(["http", "--journal", "/nonexistent/journal.jsonl"]);
  expect(code).toBe(2);
  expect(err).toContain("ENOENT");
});

test.each(["http", "sse"])(
  "minion-chaos %s tells its addresses on the first line and ends at SIGTERM",
  async (mode) => {
    const child = spawn(process.execPath, [cli, mode, "--reply", "sse"], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (text) => {
      out += text;
    });
    await until("it has said where it is", () => out.includes("\n"));
    const said: { url: string; sseUrl: string; controlUrl: string; pid: number } = JSON.parse(out);
    expect(said.pid).toBe(child.pid);
    expect(said.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    expect(await (await fetch(said.controlUrl)).json()).toMatchObject({ pid: child.pid, faults: { reply: "sse" } });
    child.kill("SIGTERM");
    await until("it has ended", () => child.exitCode === 143);
  },
);

describe("arguments", () => {
  test("values stand after a blank or an equals sign, switches alone or with true or false", () => {
    const { faults, ...rest } = readArguments(
      "stdio --journal=a=b --max-life-ms Infinity --control-port 0 --hang-calls --ignore-eof=false --chunk-bytes 1 --wrapper sh --retry-after 5 --fail-start 12".split(
        " ",
      ),
    );
    expect(rest).toEqual({
      mode: "stdio",
      journal: "a=b",
      maxLifeMs: Number.POSITIVE_INFINITY,
      controlPort: 0,
      port: undefined,
      host: undefined,
      allowHost: [],
    });
    expect(faults).toMatchObject({
      hangCalls: true,
      ignoreEof: false,
      chunkBytes: 1,
      wrapper: "sh",
      retryAfter: "5",
      failStart: "12",
      noise: 0,
    });
    expect(readArguments(["--port", "80", "http", "--times=Infinity"])).toMatchObject({
      mode: "http",
      port: 80,
      faults: { times: Number.POSITIVE_INFINITY },
    });
    expect(readArguments(["http", "--help"]).mode).toBe("help");
    expect(readArguments(["-h"]).mode).toBe("help");
    expect(readArguments(["--version"]).mode).toBe("version");
  });

  test.each([
    [[], "minion-chaos: say stdio, http or sse; --help tells the rest"],
    [["tcp"], 'minion-chaos: say stdio, http or sse, got "tcp"'],
    [["stdio", "http"], 'minion-chaos: unexpected "http" after stdio'],
    [["stdio", "--nope"], "minion-chaos: there is no flag --nope; --help lists them"],
    [["stdio", "--hangCalls"], "minion-chaos: there is no flag --hangCalls; --help lists them"],
    [["stdio", "--noise"], "minion-chaos: --noise needs a value"],
    [["stdio", "--noise", "many"], 'minion-chaos: noise must be a whole number from 0 up, got "many"'],
    [["stdio", "--noise", ""], 'minion-chaos: noise must be a whole number from 0 up, got ""'],
    [["stdio", "--noise", "1.5"], "minion-chaos: noise must be a whole number from 0 up, got 1.5"],
    [["stdio", "--busy=maybe"], 'minion-chaos: busy must be true or false, got "maybe"'],
    [["stdio", "--status", "200"], "minion-chaos: status must be an integer from 400 to 599, got 200"],
    [["stdio", "--reply", "xml"], 'minion-chaos: reply must be one of json, sse, got "xml"'],
    [["http", "--port", "65536"], "minion-chaos: port must be an integer from 0 to 65535, got 65536"],
    [["http", "--journal="], 'minion-chaos: journal must be a file name, got ""'],
    [
      ["http", "--max-life-ms", "-1"],
      "minion-chaos: maxLifeMs must be a positive number of milliseconds or Infinity, got -1",
    ],
  ])("%j is refused", (argv, message) => {
    expect(() => readArguments(argv)).toThrow(message);
  });
});
