import { expect, test } from "vitest";
import { Pool } from "../src/index.js";

test("P2: an already aborted signal rejects before anything changes, warm hit included", async () => {
  const pool = new Pool({ create: async (key) => ({ key }) });
  (await pool.acquire("a")).release();
  const before = pool.stats();
  const reason = new Error("stop");
  await expect(pool.acquire("a", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(pool.stats()).toEqual(before);
  await pool.close();
});
