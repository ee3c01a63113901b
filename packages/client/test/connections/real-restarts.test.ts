import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { MinionClient } from "../../src/index.js";
import { ofType, start, until } from "../support.js";

const timeout = 240_000;
const kills = 4;
const callers = 8;

interface RealServer {
  readonly name: string;
  readonly args: (folder: string) => readonly string[];
  /** A call that does no harm twice; what it resolves with must hold the text. */
  readonly call: (client: MinionClient, folder: string) => Promise<unknown>;
  readonly text: string;
}

const servers: readonly RealServer[] = [
  {
    name: "everything",
    args: () => ["stdio"],
    call: (client) => client.callTool("one", "echo", { message: "remember the milk" }, { idempotent: true }),
    text: "remember the milk",
  },
  {
    // Its tool says by its own hint that it may be repeated.
    name: "filesystem",
    args: (folder) => [folder],
    call: (client, folder) => client.callTool("one", "read_text_file", { path: join(folder, "note.txt") }),
    text: "remember the milk",
  },
];

test.each(servers)(
  "M9, M4: server-$name restarted under load: every safe call succeeds, the breaker stays closed",
  {
    timeout,
  },
  async ({ name, args, call, text }) => {
    const folder = mkdtempSync(join(tmpdir(), "minion-real-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "note.txt"), text);
    const pidFile = join(folder, "pid");
    const script = fileURLToPath(
      new URL(`../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url),
    );
    const note = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));`;
    const { client, events } = start({
      one: {
        command: process.execPath,
        args: ["--import", `data:text/javascript,${encodeURIComponent(note)}`, script, ...args(folder)],
      },
    });
    await client.listTools("one");
    let isOver = false;
    let answered = 0;
    const caller = async (): Promise<void> => {
      while (!isOver) {
        expect(JSON.stringify(await call(client, folder))).toContain(text);
        answered += 1;
      }
    };
    const calling = Promise.all(Array.from({ length: callers }, caller)).finally(() => {
      isOver = true;
    });
    const killed = new Set<number>();
    const pid = (): number => Number(readFileSync(pidFile, "utf8"));
    const killing = async (): Promise<void> => {
      while (killed.size < kills && !isOver) {
        await until(() => isOver || !killed.has(pid()), "it is started again", timeout);
        // Whoever answers this is the process that runs now.
        await call(client, folder);
        killed.add(pid());
        process.kill(pid(), "SIGKILL");
      }
      isOver = true;
    };
    await Promise.all([calling, killing()]);
    expect(killed.size).toBe(kills);
    expect(answered).toBeGreaterThan(0);
    expect(ofType(events, "breaker")).toEqual([]);
    expect(ofType(events, "sessionOpened").length).toBeGreaterThanOrEqual(kills);
  },
);
