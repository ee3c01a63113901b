import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ChaosProcess, type ControlRequest, type JournalEntry, spawnChaosServer } from "@minion/chaos";

/** A server over HTTP in a process of its own, which can be killed and started again at the same address. */
export interface Remote {
  readonly url: string;
  /** What its command line contains. */
  readonly marker: string;
  /** Sends its process a signal; nothing where it does not run. */
  signal(name: NodeJS.Signals): void;
  /** Starts it again where it does not run. */
  start(): Promise<void>;
  /** Makes it misbehave; absent for a server that cannot. */
  readonly control?: (request: ControlRequest) => Promise<unknown>;
  /** What happened to it, over all its processes; empty for a server that keeps no journal. */
  journal(): readonly JournalEntry[];
  close(): Promise<void>;
}

/** The misbehaving server over HTTP. */
export async function chaosRemote(journal: string): Promise<Remote> {
  // However the demo ends, and as early as that may be, the process ends with it.
  const maxLifeMs = 1_000;
  let server: ChaosProcess = await spawnChaosServer({ protocol: "legacy", journal, maxLifeMs });
  const port = Number(new URL(server.url).port);
  return {
    url: server.url,
    marker: journal,
    signal: (name) => signal(server.pid, name),
    async start() {
      if (isRunning(server.pid)) return;
      await server.close();
      server = await spawnChaosServer({ protocol: "legacy", journal, port, maxLifeMs });
    },
    control: (request) => server.control(request),
    journal: () => server.journal(),
    async close() {
      signal(server.pid, "SIGCONT");
      await server.close();
    },
  };
}

/** server-everything over streamable HTTP. Its process, also one that is only starting, is killed when `ended` aborts. */
export async function everythingRemote(ended: AbortSignal): Promise<Remote> {
  const script = fileURLToPath(new URL("everything-http.js", import.meta.url));
  let server = await startEverything(script, 0, ended);
  const { port } = server;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    marker: script,
    signal: (name) => signal(server.pid, name),
    async start() {
      if (!isRunning(server.pid)) server = await startEverything(script, port, ended);
    },
    journal: () => [],
    async close() {
      signal(server.pid, "SIGCONT");
      await server.end();
    },
  };
}

interface EverythingProcess {
  readonly pid: number;
  readonly port: number;
  end(): Promise<void>;
}

function startEverything(script: string, port: number, ended: AbortSignal): Promise<EverythingProcess> {
  const child = spawn(process.execPath, [script, String(port)], {
    stdio: ["pipe", "pipe", "ignore"],
    signal: ended,
    killSignal: "SIGKILL",
  });
  // It may be killed while it is told to end: that is no error.
  child.stdin.on("error", () => {});
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = (): Promise<void> => {
    child.stdin.end();
    return exited;
  };
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const told = /^port (\d+)$/m.exec(output)?.[1];
      if (told !== undefined && child.pid !== undefined) resolve({ pid: child.pid, port: Number(told), end });
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`server-everything ended with ${code} before it listened`)));
  });
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return signal(pid, 0);
}
