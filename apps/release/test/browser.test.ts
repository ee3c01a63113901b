import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "./support.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const isRequired = process.env.MINION_REQUIRE_CHROMIUM === "1";
const inBrowser = test.skipIf(executablePath === undefined && !isRequired);

let server: Server;
let url = "";
let browser: Browser | undefined;
const modules = new Map<string, string>();

beforeAll(async () => {
  for (const name of ["breaker", "pool", "cache"]) {
    const home = join(root, "packages", name);
    const result = await build({
      root: home,
      configFile: false,
      logLevel: "silent",
      build: { write: false, minify: false, lib: { entry: join(home, "dist", "index.js"), formats: ["es"] } },
    });
    const outputs = Array.isArray(result) ? result : "output" in result ? [result] : [];
    const chunk = outputs.flatMap(({ output }) => output).find((file) => file.type === "chunk");
    if (chunk?.type === "chunk") modules.set(`/${name}.js`, chunk.code);
  }
  server = createServer((request, response) => {
    const code = modules.get(request.url ?? "");
    response.setHeader("content-type", code === undefined ? "text/html" : "text/javascript");
    response.end(code ?? "<!doctype html><title>packages</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`;
  if (executablePath === undefined) return;
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  server.close();
});

async function evaluate(script: string): Promise<unknown> {
  if (browser === undefined) throw new Error("There is no Chromium: install it, or unset MINION_REQUIRE_CHROMIUM");
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  const result = await page.evaluate(`(async () => { ${script} })()`);
  await page.close();
  expect(errors).toEqual([]);
  return result;
}

inBrowser("@minion/breaker opens in a real browser", async () => {
  const result = await evaluate(`
    const { CircuitBreaker } = await import("/breaker.js");
    const breaker = new CircuitBreaker({ failureThreshold: 2 });
    for (let call = 0; call < 2; call += 1) await breaker.execute(() => Promise.reject(new Error("down"))).catch(() => {});
    return breaker.execute(() => 1).then(() => "ran", (error) => error.code + " " + breaker.state);`);
  expect(result).toBe("ERR_BREAKER_OPEN open");
});

inBrowser("@minion/pool lends, shares and closes in a real browser", async () => {
  const result = await evaluate(`
    const { Pool } = await import("/pool.js");
    let created = 0;
    const pool = new Pool({ create: async () => ({ id: ++created }), maxLeasesPerResource: 4 });
    const ids = await Promise.all([1, 2, 3, 4].map(() => pool.use("a", async (resource) => resource.id)));
    const { total } = pool.stats();
    await pool.close();
    return { ids, total, after: pool.stats().total };`);
  expect(result).toEqual({ ids: [1, 1, 1, 1], total: 1, after: 0 });
});

inBrowser("@minion/cache loads once in a real browser", async () => {
  const result = await evaluate(`
    const { Cache } = await import("/cache.js");
    const cache = new Cache();
    let loads = 0;
    const values = await Promise.all([1, 2, 3].map(() => cache.getOrSet("key", async () => ++loads)));
    cache.close();
    return { values, loads };`);
  expect(result).toEqual({ values: [1, 1, 1], loads: 1 });
});
