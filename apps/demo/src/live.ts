import type { ClientEvent, MinionClient, ServerStatus } from "@minion/client";
import { actionInWords, type Breakage } from "./breakage.js";
import { eventInWords } from "./event-in-words.js";
import type { Action, EventView, LiveState, ServerView } from "./live-state.js";
import { descendants, type Process } from "./processes.js";
import { Side } from "./side.js";

/** How often the page is told. */
const tellEveryMs = 500;
/** How often the load makes the calls that are due. */
const loadEveryMs = 25;
/** How many states a page that has just been opened is shown of the past. */
const remembered = 120;
const startRate = 4;

/** A server under load. */
export interface LiveServer {
  readonly name: string;
  /** What the load calls, through Minion and, where there is one, through the bare SDK. */
  readonly withMinion: () => Promise<unknown>;
  readonly bare: (() => Promise<unknown>) | undefined;
  /** How it can be broken; undefined for a server that is not the demo's. */
  readonly breakage: Breakage | undefined;
  /** Counts its processes among those below the demo. */
  readonly countProcesses: (processes: readonly Process[]) => number;
}

interface Watched extends LiveServer {
  readonly minionSide: Side;
  readonly bareSide: Side | undefined;
}

/** Runs the load, tells what it sees, and does what the buttons say. */
export class Live {
  readonly #client: MinionClient;
  readonly #servers: readonly Watched[];
  readonly #broken = new Map<string, Action>();
  readonly #listeners = new Set<(state: LiveState) => void>();
  readonly #history: LiveState[] = [];
  readonly #unsubscribe: () => void;
  #events: EventView[] = [];
  #processes: readonly Process[] = [];
  #rate = startRate;
  #due = 0;
  #turn = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(client: MinionClient, servers: readonly LiveServer[]) {
    this.#client = client;
    this.#servers = servers.map((server) => ({
      ...server,
      minionSide: new Side(server.withMinion),
      bareSide: server.bare && new Side(server.bare),
    }));
    this.#unsubscribe = client.subscribe((event) => this.#note(event));
  }

  /** Begins the load. */
  start(): void {
    if (this.#timers.length > 0) return;
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

  /** Calls per second to each server by each side, 0 to 50. Throws `RangeError` for anything else. */
  setRate(rate: number): void {
    if (!(rate >= 0 && rate <= 50)) throw new RangeError(`The rate must be 0..50 calls per second, got ${rate}`);
    this.#rate = rate;
  }

  /** Breaks or mends a server. Throws `RangeError` for a server or an action that is not there. */
  async act(name: string, action: Action): Promise<void> {
    const server = this.#servers.find((candidate) => candidate.name === name);
    if (server === undefined) throw new RangeError(`There is no server "${name}"`);
    if (!this.#actions(server).includes(action)) throw new RangeError(`"${action}" cannot be done to ${name}`);
    if (action === "reconnect") {
      this.#say(name, "is asked whether it is there", "note");
      await this.#client.ping(name).catch(() => undefined);
      return;
    }
    if (action === "restore") this.#broken.delete(name);
    else if (action !== "forget" && action !== "flood") this.#broken.set(name, action);
    this.#say(name, actionInWords[action], action === "restore" ? "good" : "bad");
    await server.breakage?.act(action);
  }

  #load(): void {
    this.#due += (this.#rate * loadEveryMs) / 1_000;
    for (; this.#due >= 1; this.#due -= 1) {
      // The side that goes first has it easier: they take turns.
      this.#turn = !this.#turn;
      for (const { minionSide, bareSide } of this.#servers) {
        for (const side of this.#turn ? [minionSide, bareSide] : [bareSide, minionSide]) void side?.fire();
      }
    }
  }

  async #tell(): Promise<void> {
    this.#processes = await descendants();
    await Promise.all(this.#servers.map(({ breakage }) => breakage?.keep().catch(() => undefined)));
    const status = new Map(this.#client.status().map((server) => [server.name, server]));
    const servers = this.#servers.flatMap((server) => {
      const current = status.get(server.name);
      return current === undefined ? [] : [this.#view(server, current)];
    });
    const state: LiveState = { at: Date.now(), rate: this.#rate, servers, events: this.#events };
    this.#events = [];
    this.#history.push(state);
    if (this.#history.length > remembered) this.#history.shift();
    for (const listener of this.#listeners) listener(state);
  }

  #view(server: Watched, status: ServerStatus): ServerView {
    const { pool, cache } = status;
    return {
      name: server.name,
      transport: status.transport,
      health: status.health,
      breaker: status.breaker?.state ?? "off",
      retryInMs: status.nextRetryAt === undefined ? undefined : Math.max(0, status.nextRetryAt - Date.now()),
      pool: { open: pool.total, busy: pool.leases, waiting: pool.waiting, max: pool.max },
      cache: { hits: cache?.hits ?? 0, misses: cache?.misses ?? 0, hitRate: cache?.hitRate ?? 0 },
      tools: status.tools,
      processes: server.countProcesses(this.#processes),
      lastError: status.lastError?.message,
      withMinion: server.minionSide.view(),
      bare: server.bareSide?.view(),
      actions: this.#actions(server),
      broken: this.#broken.get(server.name),
    };
  }

  #actions(server: LiveServer): readonly Action[] {
    return server.breakage?.actions ?? ["reconnect"];
  }

  #note(event: ClientEvent): void {
    const told = eventInWords(event);
    if (told !== undefined) this.#say(event.server, told.text, told.kind);
  }

  #say(server: string, text: string, kind: EventView["kind"]): void {
    this.#events.push({ at: Date.now(), server, text, kind });
    if (this.#events.length > 50) this.#events.shift();
  }
}
