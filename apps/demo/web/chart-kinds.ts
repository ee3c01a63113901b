import type { ServerView } from "../src/live-state.js";

/** One chart: what it shows, and what that means. */
export interface ChartKind {
  readonly title: string;
  readonly unit: string;
  readonly explanation: string;
  readonly value: (server: ServerView) => number | undefined;
  readonly tick?: (value: number) => string;
  readonly range?: readonly [number, number];
}

const heights: Readonly<Record<string, number>> = { closed: 0, "half-open": 1, open: 2, "forced-open": 2 };

const breaker: ChartKind = {
  title: "Breaker",
  unit: "closed, half-open, open",
  explanation: "Open: the server failed too often and is left alone for a while.",
  value: (server) => heights[server.breaker],
  tick: (value) => ["closed", "half", "open"][value] ?? "",
  range: [-0.2, 2.2],
};
const busy: ChartKind = {
  title: "Calls under way",
  unit: "in the connections of the pool",
  explanation: "Many calls share one connection; another is opened only when it is busy.",
  value: (server) => server.pool.busy,
};
const hits: ChartKind = {
  title: "Lists served from the cache",
  unit: "since the start",
  explanation: "A tool list is fetched once and kept until the server says that it changed.",
  value: (server) => server.cache.hits,
};

/** The charts of the demo's own servers, which are under load twice over. */
export const playgroundCharts: readonly ChartKind[] = [
  {
    title: "Answered calls, with Minion",
    unit: "per second",
    explanation: "Should stay at the rate that is set above.",
    value: (server) => server.withMinion.callsPerSecond,
  },
  {
    title: "Answered calls, with the bare SDK",
    unit: "per second",
    explanation: "The same calls without Minion: what is broken stays broken until it is restored.",
    value: (server) => server.bare?.callsPerSecond,
  },
  {
    title: "95 % of calls answered within",
    unit: "ms, with Minion",
    explanation: "Failed and refused calls do not count.",
    value: (server) => server.withMinion.p95Ms,
  },
  breaker,
  busy,
  hits,
  {
    title: "Processes alive",
    unit: "for Minion's side",
    explanation: "A killed one is replaced; none is left behind.",
    value: (server) => server.processes,
  },
];

/** The charts of a user's own servers, which are pinged. */
export const ownCharts: readonly ChartKind[] = [
  {
    title: "Answer to a ping",
    unit: "ms, median of ten seconds",
    explanation: "A gap: there was no answer.",
    value: (server) => (server.health === "unavailable" ? undefined : server.withMinion.p50Ms),
  },
  breaker,
  {
    title: "Connections open",
    unit: "in the pool",
    explanation: "Kept open and shared; a lost one is opened again by the next ping.",
    value: (server) => server.pool.open,
  },
];
