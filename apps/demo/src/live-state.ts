/** What the page is told twice a second; written once here for the server that sends it and the page that shows it. */
export interface LiveState {
  readonly at: number;
  /** Calls per second that are made to each server, by each side. */
  readonly rate: number;
  readonly servers: readonly ServerView[];
  /** New since the state before. */
  readonly events: readonly EventView[];
}

/** One server as the page shows it. */
export interface ServerView {
  readonly name: string;
  readonly transport: string;
  readonly health: "healthy" | "degraded" | "unavailable" | "idle";
  readonly breaker: string;
  /** Milliseconds until the next attempt at a server that is being left alone. */
  readonly retryInMs: number | undefined;
  readonly pool: { readonly open: number; readonly busy: number; readonly waiting: number; readonly max: number };
  readonly cache: { readonly hits: number; readonly misses: number; readonly hitRate: number };
  readonly tools: number | undefined;
  readonly processes: number;
  readonly lastError: string | undefined;
  /** The same load through Minion and through the bare SDK. */
  readonly withMinion: SideView;
  readonly bare: SideView | undefined;
  /** What can be done to it. */
  readonly actions: readonly Action[];
  /** What was done to it and still holds. */
  readonly broken: Action | undefined;
}

/** One side's last ten seconds. */
export interface SideView {
  readonly callsPerSecond: number;
  readonly failuresPerSecond: number;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly inFlight: number;
}

/** Something that happened, in words. */
export interface EventView {
  readonly at: number;
  readonly server: string;
  readonly text: string;
  readonly kind: "good" | "bad" | "note";
}

/** What the buttons do. */
export type Action = "kill" | "freeze" | "slow" | "fail" | "forget" | "flood" | "restore" | "reconnect";
