// Takes from a quota many times at once, and prints how many takes were granted and what else happened.
//   node quota-process.mjs PORT TAKES LIMIT
import { Fleet } from "@minion/redis";
import { Redis } from "ioredis";

const [port, takes, limit] = process.argv.slice(2).map(Number);
const redis = new Redis({ port, host: "127.0.0.1" });
redis.on("error", () => {});
// A machine that is busy with four of these may be slow to answer.
const fleet = new Fleet({ redis, commandTimeoutMs: 30_000 });
const quota = fleet.quota("calls", { limit, perMs: 600_000 });
process.stdout.write("ready\n");
process.stdin.once("data", async () => {
  const decisions = await Promise.all(Array.from({ length: takes }, () => quota.take("everybody")));
  const granted = decisions.filter(({ ok }) => ok).length;
  process.stdout.write(`${JSON.stringify({ granted, ...fleet.stats() })}\n`);
  await fleet.close();
  redis.disconnect();
  process.stdin.destroy();
});
