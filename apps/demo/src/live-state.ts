/** What the page is told twice a second; written once here for the server that sends it and the page that shows it. */
export interface LiveState {
  readonly at: number;
  /** Calls per second that are made to each server, by each side. */
  readonly rate: number;
  /** The configuration whose servers are shown; undefined where they are the demo's own, which can be broken. */
  readonly configuration: ConfigurationView | undefined;
  readonly servers: readonly ServerView[];
  /** New since the state before. */
  readonly events: readonly EventView[];
}

/** What the page says of an mcp.json as a whole. */
export interface ConfigurationView {
  readonly file: string;
  /** The servers that the file switches off; they are not shown. */
  readonly disabled: readonly string[];
}

/**
 * How a server is: what `status()` of the client says, or for a server of a configuration, which is pinged, what the pings
 * say: `starting` until the first answer, `unusable` where its entry in the configuration is wrong.
 */
export type ServerHealth = "healthy" | "degraded" | "unavailable" | "idle" | "starting" | "unusable";

/** One server as the page shows it. */
export interface ServerView {
  readonly name: string;
  readonly transport: string;
  /** The protocol revision that it speaks, where that is known. */
  readonly protocol: string | undefined;
  readonly health: ServerHealth;
  readonly breaker: string;
  /** Milliseconds until the next attempt at a server that is being left alone. */
  readonly retryInMs: number | undefined;
  readonly pool: { readonly open: number; readonly busy: number; readonly waiting: number; readonly max: number };
  readonly cache: { readonly hits: number; readonly misses: number; readonly hitRate: number };
  readonly tools: number | undefined;
  /** Processes that run for it; undefined for a server of a configuration, of which only the connections are known. */
  readonly processes: number | undefined;
  /** What is wrong now. */
  readonly error: ErrorView | undefined;
  /** What of its entry in the configuration has no effect, or may not be meant so. */
  readonly notes: readonly string[];
  /** The same load through Minion and through the bare SDK; the pings, for a server of a configuration. */
  readonly withMinion: SideView;
  readonly bare: SideView | undefined;
  /** What can be done to it. */
  readonly actions: readonly Action[];
  /** What was done to it and still holds. */
  readonly broken: Action | undefined;
  /** Whether something was done to it that only Restore undoes on both sides. */
  readonly needsRestore: boolean;
}

/** What is wrong with a server, from its first time until it is no longer true. */
export interface ErrorView {
  readonly code: string;
  /** The whole text of the error, which says what to do too. */
  readonly message: string;
  /** When it came first and last, in epoch milliseconds. */
  readonly first: number;
  readonly last: number;
  readonly times: number;
  /** Calls that the breaker refused meanwhile. */
  readonly refused: number;
  /** The last lines that the server's process wrote to stderr; "" where there are none. */
  readonly stderr: string;
}

/** One side's last ten seconds. */
export interface SideView {
  readonly callsPerSecond: number;
  readonly failuresPerSecond: number;
  /** Of answered calls only: a refusal says nothing of how fast a server is. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly inFlight: number;
  /** How long the call waits that has waited longest; 0 where none does. */
  readonly waitingMs: number;
}

/** Something that happened, in words. */
export interface EventView {
  readonly at: number;
  readonly server: string;
  readonly text: string;
  /** `done` is what the person at the page did. */
  readonly kind: "good" | "bad" | "note" | "done";
}

/** What the buttons do. */
export type Action = "kill" | "freeze" | "slow" | "fail" | "forget" | "flood" | "restore";

/** A tool as the page lists it. */
export interface ToolView {
  readonly name: string;
  readonly description: string;
  /** What the server says of it, in words; a server may be wrong about it. */
  readonly hints: readonly string[];
  readonly inputSchema: unknown;
}

/** What became of a call that was made by hand. */
export type CallView = { readonly ms: number } & (
  | {
      readonly kind: "result";
      readonly isError: boolean;
      readonly content: readonly ContentView[];
    }
  | { readonly kind: "error"; readonly code: string; readonly message: string }
);

/** A piece of a result: text, or an image that a page can show. */
export type ContentView =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mimeType: string; readonly data: string };
