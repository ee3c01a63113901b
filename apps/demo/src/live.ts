import type { ClientEvent, MinionClient, ServerStatus } from "@minion/client";
import { actionInWords, type Breakage } from "./breakage.js";
import { CurrentError } from "./current-error.js";
import { eventInWords } from "./event-in-words.js";
import type { Action, ConfigurationView, EventView, LiveState, ServerHealth, ServerView } from "./live-state.js";
import { descendants, type Process } from "./processes.js";
import { Side } from "./side.js";

/** How often the page is told. */
const tellEveryMs = 500;
/** How often the load makes the calls that are due. */
const loadEveryMs = 25;
/** How many states a page that has just been opened is shown of the past. */
const remembered = 120;
const startRate = 4;
/** A user's own server is pinged so often, and is said not to answer when a ping has waited for so long. */
const pingsPerSecond = 1;
const silentMs = 2_000;

/** A server under load. */
export interface LiveServer {
  readonly name: string;
  /** What the load calls, through Minion and, where there is one, through the bare SDK. */
  readonly withMinion: () => Promise<unknown>;
  readonly bare: (() => Promise<unknown>) | undefined;
  /** How it can be broken; undefined for a server that is not the demo's. */
  readonly breakage: Breakage | undefined;
  /** Counts its processes among those below the demo; undefined where they cannot be told. */
  readonly countProcesses: ((processes: readonly Process[]) => number) | undefined;
  /** What the user's own configuration says of it; undefined for a server of the demo. */
  readonly own:
    | { readonly notes: readonly string[] /** Why it cannot be used. */; readonly problem: string | undefined }
    | undefined;
}

interface Watched extends LiveServer {
  readonly minionSide: Side;
  readonly bareSide: Side | undefined;
  readonly error: CurrentError;
  /** What the pings said last. */
  told: ServerHealth | undefined;
}

/** Runs the load, tells what it sees, and does what the buttons say. */
export class Live {
  readonly #client: MinionClient;
  readonly #configuration: ConfigurationView | undefined;
  readonly #servers: readonly Watched[];
  readonly #broken = new Map<string, Action>();
  readonly #needsRestore = new Set<string>();
  readonly #listeners = new Set<(state: LiveState) => void>();
  readonly #history: LiveState[] = [];
  readonly #unsubscribe: () => void;
  #events: EventView[] = [];
  #processes: readonly Process[] = [];
  #rate: number;
  #due = 0;
  #loadedAt = 0;
  #turn = false;
  #isTelling = false;
  #timers: NodeJS.Timeout[] = [];

  /** `configuration` is that of the user's own servers, which are pinged once a second. */
  constructor(client: MinionClient, servers: readonly LiveServer[], configuration?: ConfigurationView) {
    this.#client = client;
    this.#configuration = configuration;
    this.#rate = configuration === undefined ? startRate : pingsPerSecond;
    this.#servers = servers.map((server) => this.#watch(server));
    this.#unsubscribe = client.subscribe((event) => this.#note(event));
  }

  /** Begins the load. */
  start(): void {
    if (this.#timers.length > 0) return;
    this.#due = 1;
    this.#loadedAt = performance.now();
    this.#timers = [setInterval(() => this.#load(), loadEveryMs), setInterval(() => void this.#tell(), tellEveryMs)];
  }

  /** Ends the load; what is under way ends with the client. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#unsubscribe();
    this.#listeners.clear();
  }

  /** What was told of late, the oldest first. */
  history(): readonly LiveState[] {
    return this.#history;
  }

  /** Tells `listener` every new state. */
  subscribe(listener: (state: LiveState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls per second to each server by each side, 0 to 50. Throws `RangeError` for anything else, and for the user's own
   * servers.
   */
  setRate(rate: number): void {
    if (this.#configuration !== undefined) throw new RangeError("Your own servers are pinged once a second, no more.");
    if (!(rate >= 0 && rate <= 50)) throw new RangeError(`The rate must be 0..50 calls per second, got ${rate}`);
    this.#rate = rate;
  }

  /** Breaks or mends a server. Throws `RangeError` for a server or an action that is not there. */
  async act(name: string, action: Action): Promise<void> {
    const server = this.#servers.find((candidate) => candidate.name === name);
    if (server === undefined) throw new RangeError(`There is no server "${name}"`);
    const { breakage } = server;
    if (breakage === undefined || !breakage.actions.includes(action))
      throw new RangeError(`"${action}" cannot be done to ${name}`);
    if (action === "restore") {
      this.#broken.delete(name);
      this.#needsRestore.delete(name);
    } else if (action !== "flood") {
      this.#needsRestore.add(name);
      if (breakage.holds(action)) this.#broken.set(name, action);
    }
    this.#say(name, actionInWords[action], "done");
    await breakage.act(action);
  }

  #watch(server: LiveServer): Watched {
    const error = new CurrentError();
    const { bare, own, withMinion } = server;
    const ping = async (): Promise<void> => {
      try {
        await withMinion();
        error.answered();
      } catch (reason) {
        if (reason instanceof Error) this.#failed(server.name, error, codeOf(reason), reason.message);
        throw reason;
      }
    };
    const minionSide = own === undefined ? new Side(withMinion) : new Side(ping, 1);
    if (own?.problem !== undefined) error.failed("ERR_MCP_CONFIG", own.problem);
    return { ...server, minionSide, bareSide: bare && new Side(bare), error, told: undefined };
  }

  #load(): void {
    // By the clock: a busy machine skips ticks. What is due for longer than a second is dropped.
    const now = performance.now();
    this.#due += (this.#rate * Math.min(1_000, now - this.#loadedAt)) / 1_000;
    this.#loadedAt = now;
    for (; this.#due >= 1; this.#due -= 1) {
      // The side that goes first has it easier: they take turns.
      this.#turn = !this.#turn;
      for (const { minionSide, bareSide, own } of this.#servers) {
        if (own?.problem !== undefined) continue;
        for (const side of this.#turn ? [minionSide, bareSide] : [bareSide, minionSide]) void side?.fire();
      }
    }
  }

  async #tell(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      if (this.#configuration === undefined) this.#processes = await descendants();
      await Promise.all(this.#servers.map(({ breakage }) => breakage?.keep().catch(() => undefined)));
    } finally {
      this.#isTelling = false;
    }
    const status = new Map(this.#client.status().map((server) => [server.name, server]));
    const servers = this.#servers.flatMap((server) => {
      const current = status.get(server.name);
      return current === undefined ? [] : [this.#view(server, current)];
    });
    const state: LiveState = {
      at: Date.now(),
      rate: this.#rate,
      configuration: this.#configuration,
      servers,
      events: this.#events,
    };
    this.#events = [];
    // The past is drawn, not read.
    this.#history.push({ ...state, servers: servers.map((server) => ({ ...server, error: undefined })) });
    if (this.#history.length > remembered) this.#history.shift();
    for (const listener of this.#listeners) listener(state);
  }

  #view(server: Watched, status: ServerStatus): ServerView {
    const { name, own, breakage } = server;
    const { pool, cache } = status;
    const over = server.error.takeOver();
    if (over !== undefined) this.#say(name, `works again: ${over.code} came ${timesInWords(over.times)}`, "good");
    return {
      name,
      transport: status.transport,
      protocol: protocolOf(status),
      health: own === undefined ? status.health : this.#ownHealth(server, status),
      breaker: status.breaker?.state ?? "off",
      retryInMs: status.nextRetryAt === undefined ? undefined : Math.max(0, status.nextRetryAt - Date.now()),
      pool: { open: pool.total, busy: pool.leases, waiting: pool.waiting, max: pool.max },
      cache: { hits: cache?.hits ?? 0, misses: cache?.misses ?? 0, hitRate: cache?.hitRate ?? 0 },
      tools: status.tools,
      processes: server.countProcesses?.(this.#processes),
      error: server.error.view(status.stderrTail),
      notes: own?.notes ?? [],
      withMinion: server.minionSide.view(),
      bare: server.bareSide?.view(),
      actions: breakage?.actions ?? [],
      broken: this.#broken.get(name),
      needsRestore: this.#needsRestore.has(name),
    };
  }

  /** How the user's own server is, by its pings; a change is told. */
  #ownHealth(server: Watched, { breaker }: ServerStatus): ServerHealth {
    const { minionSide, name, own } = server;
    const { lastEnd } = minionSide;
    let now: ServerHealth = breaker === undefined || breaker.state === "closed" ? "healthy" : "degraded";
    if (own?.problem !== undefined) now = "unusable";
    else if (lastEnd === undefined) now = "starting";
    else if (lastEnd === "failed" || minionSide.view().waitingMs > silentMs) now = "unavailable";
    if (server.told !== now) {
      if (now === "healthy") this.#say(name, "answers", "good");
      else if (now === "unavailable") this.#say(name, "does not answer", "bad");
      server.told = now;
    }
    return now;
  }

  #note(event: ClientEvent): void {
    const server = this.#servers.find(({ name }) => name === event.server);
    if (server === undefined) return;
    if (event.type === "callFinished") {
      const { errorType = "error", message, outcome } = event;
      // A server that answers with an error of its own is there; whoever called it is told.
      const isAnswer = /^-?\d+$/.test(errorType);
      if (outcome === "error" && message !== undefined && !isAnswer)
        this.#failed(server.name, server.error, errorType, message);
      else if (outcome === "success" && event.method === "tools/call") server.error.answered();
    }
    if (event.type === "retry") server.error.retried(event.errorType);
    // How the user's own server is, its pings say.
    if (event.type === "health" && server.own !== undefined) return;
    const told = eventInWords(event);
    if (told !== undefined) this.#say(event.server, told.text, told.kind);
  }

  #failed(name: string, error: CurrentError, code: string, message: string): void {
    if (error.failed(code, message)) this.#say(name, `fails: ${code}; its card has the whole text`, "bad");
  }

  #say(server: string, text: string, kind: EventView["kind"]): void {
    this.#events.push({ at: Date.now(), server, text, kind });
    if (this.#events.length <= 50) return;
    // What a person did is never crowded out by what came of it.
    const first = this.#events.findIndex((event) => event.kind !== "done");
    this.#events.splice(Math.max(0, first), 1);
  }
}

/** The revision that a server speaks; a client that does not tell it has no such member. */
function protocolOf(status: { readonly name: string; readonly protocol?: string | undefined }): string | undefined {
  return status.protocol;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function timesInWords(times: number): string {
  return times === 1 ? "once" : `${times} times`;
}
