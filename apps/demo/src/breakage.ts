import { type FaultSettings, readJournal } from "@minion/chaos";
import type { BareSdk } from "./bare-sdk.js";
import type { Action } from "./live-state.js";
import { descendants } from "./processes.js";
import type { DemoServer } from "./servers.js";

/** How a server of the demo is broken and mended. */
export interface Breakage {
  readonly actions: readonly Action[];
  /** Whether what `action` did lasts until the server is restored; otherwise it was done once. */
  holds(action: Action): boolean;
  act(action: Action): Promise<void>;
  /** Sees to it that what was broken stays so, in processes started since too. */
  keep(): Promise<void>;
}

/** What each button did, in words. */
export const actionInWords: Readonly<Record<Action, string>> = {
  kill: "was killed",
  freeze: "was frozen: it reads nothing and answers nothing",
  slow: "was made slow: every call takes a second longer",
  fail: "was made to fail at every call",
  forget: "has forgotten all its sessions",
  flood: "sends 200 notifications that its tools have changed",
  restore: "was restored",
};

/** What a misbehaving server is told while it is broken in a way of its own. */
const faultsOf: Partial<Record<Action, { readonly http: FaultSettings; readonly stdio: FaultSettings }>> = {
  slow: { http: { callDelayMs: 1_000 }, stdio: { callDelayMs: 1_000 } },
  fail: { http: { status: 500, only: "calls" }, stdio: { flapCalls: 1 } },
};

/** The ways in which `server` can be broken. `bare` is started over when it is restored, as a person would. */
export function breakageOf(server: DemoServer, bare: BareSdk): Breakage {
  return server.remote === undefined ? stdioBreakage(server, bare) : httpBreakage(server.remote, bare);
}

function httpBreakage(remote: NonNullable<DemoServer["remote"]>, bare: BareSdk): Breakage {
  const { control } = remote;
  const own: readonly Action[] = control === undefined ? [] : ["slow", "fail", "forget", "flood"];
  return {
    actions: ["kill", "freeze", ...own, "restore"],
    holds: (action) => ["kill", "freeze", "slow", "fail"].includes(action),
    async act(action) {
      if (action === "kill") remote.signal("SIGKILL");
      else if (action === "freeze") remote.signal("SIGSTOP");
      else if (action === "forget") await control?.({ action: "forgetSessions" });
      else if (action === "flood") await control?.({ action: "listChanged", count: 200 });
      else if (action === "restore") {
        remote.signal("SIGCONT");
        await remote.start();
        await control?.({ reset: true });
        await bare.restart();
      } else await control?.({ set: faultsOf[action]?.http ?? {} });
    },
    async keep() {},
  };
}

function stdioBreakage({ marker, journal }: DemoServer, bare: BareSdk): Breakage {
  let frozen = false;
  let faults: FaultSettings | undefined;
  const told = new Set<string>();
  const signalAll = async (name: NodeJS.Signals): Promise<void> => {
    for (const { pid, command } of await descendants()) if (command.includes(marker)) trySignal(pid, name);
  };
  const tell = (request: object, skipTold: boolean): Promise<unknown> =>
    Promise.all(
      controlUrls(journal)
        .filter((url) => !skipTold || !told.has(url))
        .map((url) => {
          told.add(url);
          return post(url, request);
        }),
    );
  return {
    actions: ["kill", "freeze", ...(journal === undefined ? [] : (["slow", "fail", "flood"] as const)), "restore"],
    // A killed process is started again by whoever calls it.
    holds: (action) => ["freeze", "slow", "fail"].includes(action),
    async act(action) {
      told.clear();
      if (action === "kill") await signalAll("SIGKILL");
      else if (action === "freeze") {
        frozen = true;
        await signalAll("SIGSTOP");
      } else if (action === "flood") await tell({ action: "listChanged", count: 200 }, false);
      else if (action === "restore") {
        frozen = false;
        faults = undefined;
        await signalAll("SIGCONT");
        await tell({ reset: true }, false);
        await bare.restart();
      } else {
        faults = faultsOf[action]?.stdio;
        await tell({ set: faults ?? {} }, false);
      }
    },
    async keep() {
      if (frozen) await signalAll("SIGSTOP");
      if (faults !== undefined) await tell({ set: faults }, true);
    },
  };
}

/** Where the living processes of a misbehaving stdio server can be controlled. */
function controlUrls(journal: string | undefined): string[] {
  if (journal === undefined) return [];
  const entries = readJournal(journal);
  const ended = new Set(entries.filter(({ event }) => event === "exit").map(({ pid }) => pid));
  return entries.flatMap((entry) =>
    entry.event === "control" && !ended.has(entry.pid) && trySignal(entry.pid, 0) ? [entry.url] : [],
  );
}

async function post(url: string, request: object): Promise<void> {
  // A frozen process accepts and never answers; a killed one refuses.
  const init = { method: "POST", body: JSON.stringify(request), signal: AbortSignal.timeout(1_000) };
  await fetch(url, { ...init, headers: { "content-type": "application/json" } }).catch(() => undefined);
}

function trySignal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
