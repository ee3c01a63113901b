import type { Action, ServerHealth } from "../src/live-state.js";

/** What the buttons are called, and what they do. */
export const actions: Readonly<Record<Action, readonly [label: string, explanation: string]>> = {
  kill: ["Kill", "Ends its process at once, as a crash would"],
  freeze: ["Freeze", "Stops its process: it takes requests and answers nothing"],
  slow: ["Slow down", "Makes every call take a second longer"],
  fail: ["Fail every call", "Lets every call fail"],
  forget: ["Forget sessions", "Lets it forget who is connected, as a restart would"],
  flood: ["Flood with changes", "Lets it say 200 times that its tools have changed"],
  restore: ["Restore", "Undoes what was done to it, and starts the bare SDK over"],
};

export const healthMarks: Readonly<Record<ServerHealth, string>> = {
  healthy: "● healthy",
  degraded: "◐ degraded",
  unavailable: "○ unavailable",
  idle: "◌ not in use",
  starting: "◌ starting",
  unusable: "✕ cannot be used",
};

/** What is explained where it is seen, by the id of its explanation. */
export const explanations = {
  breaker: [
    "Breaker",
    "A server that keeps failing is left alone: calls to it are refused at once instead of waiting. Closed: calls go through. Open: calls are refused. Half-open: a ping and one call find out whether it works again.",
  ],
  pool: [
    "Connections (the pool)",
    "Minion keeps connections open and lets many calls share one. Another is opened only when the open ones are busy, and none is left behind at the end.",
  ],
  calls: [
    "Calls under way",
    "Calls that wait for their answer now. Those that find no free connection wait in a queue.",
  ],
  cache: [
    "Tool list from the cache",
    "How often the list of tools came from memory. It is fetched once and kept until the server says that it changed.",
  ],
  tools: ["Tools", "What the server can do, as it listed it last. Call one by hand below."],
  processes: ["Processes", "Processes that run for this server. A killed one is started again when it is called."],
  protocol: ["Protocol", "The revision of the Model Context Protocol that the server and Minion have agreed on."],
  latency: [
    "Median and 95 %",
    "Half of the answered calls of the last ten seconds were as fast as the median, and 95 of 100 were as fast as the last column. Failed and refused calls do not count.",
  ],
} as const satisfies Readonly<Record<string, readonly [title: string, text: string]>>;

export type Explained = keyof typeof explanations;
