// An application with little memory (--max-old-space-size), in a process of its own. Arguments: JSON { server, good, work, forMs }. Does the
// work at a hostile server, then calls a good one, and writes one line of JSON: what came of it, and the memory that was used at most.
import { MinionClient } from "../../dist/index.js";

const { server, good, work, forMs } = JSON.parse(process.argv[2]);
const stray = [];
process.on("unhandledRejection", (reason) => stray.push(String(reason)));
let most = 0;
const looking = setInterval(() => {
  const { rss } = process.memoryUsage();
  most = Math.max(most, rss);
}, 5);
const events = [];
const client = new MinionClient({
  servers: { hostile: server, good },
  defaults: { breaker: false, closeTimeoutMs: 500 },
  capabilities: { sampling: {}, roots: {} },
  onServerRequest: async () => ({ roots: [] }),
  onEvent: ({ type }) => events.length < 1_000 && events.push(type),
});
await client.callTool("good", "t", {}, { idempotent: true });
const before = process.memoryUsage().rss;
const outcome = (promise) =>
  promise.then(
    (value) => ({ ok: true, length: Array.isArray(value) ? value.length : undefined }),
    (error) => ({
      ok: false,
      name: error.name,
      code: error.code,
      message: error.message.slice(0, 500),
      length: error.message.length,
    }),
  );
const doing = work.map(([method, ...args]) => outcome(client[method]("hostile", ...args)));
if (forMs !== undefined) await new Promise((resolve) => setTimeout(resolve, forMs));
const after = await outcome(client.callTool("good", "t", {}, { idempotent: true }));
const outcomes = await Promise.all(doing);
const again = await outcome(client.callTool("good", "t", {}, { idempotent: true }));
clearInterval(looking);
const status = client.status().find(({ name }) => name === "hostile");
await client.close({ graceMs: 0 });
console.log(
  JSON.stringify({
    outcomes,
    good: [after.ok, again.ok],
    stray,
    grownMB: Math.round((most - before) / 1_000_000),
    told: [...new Set(events)],
    lastError: status.lastError?.message.length ?? 0,
  }),
);
process.exit(0);
