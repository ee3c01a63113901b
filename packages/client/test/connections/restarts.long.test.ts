import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import { temporaryFolder } from "../session/support.js";
import { ofType, start, statusOf } from "../support.js";

const timeout = 120_000;
const kills = 4;

function script(server: string): string {
  const path = `../../node_modules/@modelcontextprotocol/server-${server}/dist/index.js`;
  return fileURLToPath(new URL(path, import.meta.url));
}

/** The process that runs `script` as a child of this one. */
function childOf(script: string, marker: string): number | undefined {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (state !== "Z" && Number(parent) === process.pid && command.includes(script) && command.includes(marker))
        return Number(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}

const folder = (): string => {
  const path = temporaryFolder();
  writeFileSync(join(path, "note"), "kept");
  return path;
};

test.each([
  ["everything", () => "stdio", (_: string) => ["echo", { message: "x" }] as const],
  ["filesystem", folder, (path: string) => ["read_text_file", { path: join(path, "note") }] as const],
])(
  "M9, M4: the real server-%s, killed again and again under load: every safe call is answered, the breaker stays closed",
  { timeout },
  async (name, argument, callOf) => {
    const given = argument();
    const [tool, args] = callOf(given);
    const { client, events } = start({ one: { command: process.execPath, args: [script(name), given] } });
    let results: CallToolResult[] = [];
    let killed = 0;
    const caller = async (): Promise<void> => {
      while (killed < kills || results.length === 0) {
        results.push(await client.callTool("one", tool, args, { idempotent: true }));
      }
    };
    const killer = async (): Promise<void> => {
      let last: number | undefined;
      while (killed < kills) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const pid = childOf(script(name), given);
        if (pid === undefined || pid === last || results.length < 20) continue;
        process.kill(pid, "SIGKILL");
        last = pid;
        killed += 1;
        results = [];
      }
    };
    await Promise.all([killer(), ...Array.from({ length: 8 }, caller)]);
    expect(results.every(({ isError }) => isError !== true)).toBe(true);
    expect(ofType(events, "callFinished").filter(({ outcome }) => outcome !== "success")).toEqual([]);
    expect(ofType(events, "breaker")).toEqual([]);
    expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: kills });
  },
);
