import { duration, median, type Step, timed, times } from "../step.js";

const fromServer = 10;
const fromCache = 5_000;
const callers = 200;

/** A list is fetched once, whoever asks, and never served once the server said that it changed. */
export const cache: Step = {
  id: "cache",
  title: "Cache: a tool list from the server, or from memory",
  async run({ client, playground }) {
    const wire: number[] = [];
    for (let round = 0; round < fromServer; round += 1)
      wire.push((await timed(() => client.listTools("filesystem", { refresh: true }))).ms);
    const cached = await timed(async () => {
      for (let round = 0; round < fromCache; round += 1) await client.listTools("filesystem");
    });
    const wireMs = median(wire);
    const cachedMs = cached.ms / fromCache;

    const lists = (): number =>
      playground.chaos.journal().filter((entry) => entry.event === "request" && entry.method === "tools/list").length;
    const before = lists();
    await Promise.all(Array.from({ length: callers }, () => client.listTools("chaos-http", { refresh: true })));
    const requests = lists() - before;
    return {
      ok: requests === 1,
      says: `${duration(wireMs)} from the server, ${duration(cachedMs)} from the cache: ${times(wireMs / cachedMs)}; ${callers} callers at once made ${requests} request`,
      figures: { wireMs, cachedMs, ratio: wireMs / cachedMs, callers, requests },
    };
  },
};
