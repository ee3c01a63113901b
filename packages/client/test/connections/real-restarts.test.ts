import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { ofType, start, until } from "../support.js";

const timeout = 240_000;
const kills = 2;
const callers = 8;
const text = "remember the milk";

// The long tests have server-everything too, whose tools are called as idempotent, and more kills.
test("M9, M4: server-filesystem restarted under load: every call of a tool that says it is safe succeeds, the breaker stays closed", {
  timeout,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "minion-real-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "note.txt"), text);
  const pidFile = join(folder, "pid");
  const script = fileURLToPath(
    new URL("../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js", import.meta.url),
  );
  const note = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));`;
  const { client, events } = start({
    one: {
      command: process.execPath,
      args: ["--import", `data:text/javascript,${encodeURIComponent(note)}`, script, folder],
    },
  });
  await client.listTools("one");
  let isOver = false;
  let answered = 0;
  const call = (): Promise<unknown> => client.callTool("one", "read_text_file", { path: join(folder, "note.txt") });
  const caller = async (): Promise<void> => {
    while (!isOver) {
      expect(JSON.stringify(await call())).toContain(text);
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
      await call();
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
});
