import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { MinionClient } from "../../src/index.js";

/** A stdio server that notes its process and every effect, and takes a random while for each call. */
const serverSource = `
import { appendFileSync, writeFileSync } from "node:fs";
const [, , pidFile, effectsFile] = process.argv;
writeFileSync(pidFile, String(process.pid));
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const lines = rest.split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) continue;
    if (method === "initialize")
      send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "storm", version: "1" } } });
    else if (method === "tools/call")
      setTimeout(() => {
        appendFileSync(effectsFile, params.arguments.key + "\\n");
        setTimeout(() => send({ id, result: { content: [], structuredContent: { pid: process.pid } } }), Math.random() * 10);
      }, Math.random() * 10);
    else send({ id, result: {} });
  }
});
process.stdin.on("end", () => process.exit(0));
`;

/** How a storm is made. */
export interface StormOptions {
  readonly kills: number;
  readonly callers: number;
  /** Whether a process is killed only when it has answered a call since the last kill. */
  readonly waitsForAnswer: boolean;
  /** What the random choices of this side follow from. Default: another one each time. */
  readonly seed?: number | undefined;
}

/** What came of a storm. */
export interface StormReport {
  readonly seed: number;
  readonly kills: number;
  readonly safe: { succeeded: number; failed: string[] };
  readonly unsafe: { succeeded: number; unknown: number; failed: string[] };
  /** Unsafe calls whose effect happened twice, or never although they succeeded. */
  readonly twice: string[];
  readonly neverRun: string[];
  /** States to which the breaker went. */
  readonly breaker: string[];
  readonly maxAttempts: number;
  readonly ms: number;
}

/** Kills the process of a server at random moments under callers half of whose calls may be repeated. */
export async function killStorm(options: StormOptions): Promise<StormReport> {
  const { kills, callers, waitsForAnswer, seed = Math.floor(Math.random() * 2 ** 32) } = options;
  const random = randomFrom(seed);
  const folder = mkdtempSync(join(tmpdir(), "minion-storm-"));
  const [script, pidFile, effectsFile] = ["server.mjs", "pid", "effects"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(script, serverSource);
  writeFileSync(effectsFile, "");
  const begin = performance.now();
  let maxAttempts = 0;
  const report = {
    safe: { succeeded: 0, failed: [] as string[] },
    unsafe: { succeeded: 0, unknown: 0, failed: [] as string[] },
    breaker: [] as string[],
  };
  const succeeded = new Set<string>();
  /** The process that answered last. */
  let answeredBy = 0;
  let isOver = false;
  const client = new MinionClient({
    servers: {
      one: {
        command: process.execPath,
        args: [script, pidFile, effectsFile],
        // Where it is killed before it has answered, the breaker does open.
        breaker: waitsForAnswer ? {} : { openMs: 50 },
      },
    },
    onEvent: (event) => {
      if (event.type === "breaker") report.breaker.push(event.to);
      if (event.type === "callFinished") maxAttempts = Math.max(maxAttempts, event.attempts);
    },
  });
  const caller = async (name: number): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const idempotent = random() < 0.5;
      const key = `${idempotent ? "safe" : "unsafe"}-${name}-${number}`;
      try {
        const { structuredContent } = await client.callTool("one", "effect", { key }, { idempotent });
        answeredBy = Number(structuredContent?.pid);
        succeeded.add(key);
        report[idempotent ? "safe" : "unsafe"].succeeded += 1;
      } catch (error) {
        const { code, message } = Object(error);
        if (!idempotent && code === "ERR_MCP_OUTCOME_UNKNOWN") report.unsafe.unknown += 1;
        else report[idempotent ? "safe" : "unsafe"].failed.push(`${code}: ${message}`);
        // Refusals come at once: others must have their turn.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  let killed = 0;
  let lastPid = 0;
  const killer = async (): Promise<void> => {
    while (killed < kills) {
      await new Promise((resolve) => setTimeout(resolve, random() * 40));
      const pid = pidOf(pidFile);
      if (pid === lastPid || pid === 0 || (waitsForAnswer && answeredBy !== pid)) continue;
      lastPid = pid;
      process.kill(pid, "SIGKILL");
      killed += 1;
    }
  };
  try {
    const calling = Array.from({ length: callers }, (_, name) => caller(name));
    await killer();
    isOver = true;
    await Promise.all(calling);
  } finally {
    isOver = true;
    await client.close({ graceMs: 0 });
  }
  const counts = new Map<string, number>();
  for (const key of readFileSync(effectsFile, "utf8").split("\n")) counts.set(key, (counts.get(key) ?? 0) + 1);
  rmSync(folder, { recursive: true, force: true });
  const twice = [...counts].filter(([key, count]) => key.startsWith("unsafe") && count > 1).map(([key]) => key);
  const neverRun = [...succeeded].filter((key) => !counts.has(key));
  return { seed, kills: killed, ...report, twice, neverRun, maxAttempts, ms: Math.round(performance.now() - begin) };
}

/** Where each process has answered before it was killed, nothing is lost and nothing runs twice. */
export function expectAllWell(report: StormReport, kills: number): void {
  const what = `seed ${report.seed}`;
  expect(report, what).toMatchObject({ kills, twice: [], neverRun: [], breaker: [] });
  expect(report.safe.failed, what).toEqual([]);
  expect(report.unsafe.failed, what).toEqual([]);
  expect(report.safe.succeeded, what).toBeGreaterThan(0);
}

/** Numbers from 0 to 1 that follow from a seed: mulberry32, a small generator that is well known. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pidOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return 0;
  }
}
