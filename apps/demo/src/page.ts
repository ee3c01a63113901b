import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Metrics } from "@minion/metrics";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { Live } from "./live.js";
import type { Action } from "./live-state.js";

const web = fileURLToPath(new URL("web/", import.meta.url));
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const actions: ReadonlySet<string> = new Set<Action>([
  "kill",
  "freeze",
  "slow",
  "fail",
  "forget",
  "flood",
  "restore",
  "reconnect",
]);

/** The page, its live states, its buttons and /metrics, on one port. */
export function page(live: Live, metrics: Metrics): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header(
      "content-security-policy",
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    );
    context.header("x-content-type-options", "nosniff");
  });
  // Another page in the same browser must not be able to push these buttons.
  app.use("/api/*", async (context, next) => {
    const site = context.req.header("sec-fetch-site");
    const host = context.req.header("host") ?? "";
    const isLocal = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host);
    if (!isLocal || (site !== undefined && site !== "same-origin" && site !== "none"))
      return context.text("Only the demo's own page may do this.", 403);
    return next();
  });
  app.get("/metrics", (context) => metrics.fetch(context.req.raw));
  app.get("/api/live", (context) =>
    streamSSE(context, async (stream) => {
      for (const state of live.history()) await stream.writeSSE({ event: "past", data: JSON.stringify(state) });
      const unsubscribe = live.subscribe(
        (state) => void stream.writeSSE({ event: "now", data: JSON.stringify(state) }),
      );
      await new Promise<void>((resolve) => stream.onAbort(resolve));
      unsubscribe();
    }),
  );
  app.post("/api/rate", async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    const rate = typeof body === "object" && body !== null && "rate" in body ? body.rate : undefined;
    if (typeof rate !== "number") return context.text('Send {"rate": calls per second}.', 400);
    return answer(async () => live.setRate(rate));
  });
  app.post("/api/servers/:name/:action", async (context) => {
    const { name, action } = context.req.param();
    if (!isAction(action)) return context.text(`There is no action "${action}".`, 404);
    return answer(() => live.act(name, action));
  });
  app.get("*", async (context) => {
    const path = normalize(context.req.path === "/" ? "/index.html" : context.req.path);
    const type = types[extname(path)];
    const content = type === undefined ? undefined : await readFile(join(web, path)).catch(() => undefined);
    if (type === undefined || content === undefined) return context.text("There is nothing here.", 404);
    return context.body(new Uint8Array(content), 200, { "content-type": type, "cache-control": "no-cache" });
  });
  return app;
}

function isAction(text: string): text is Action {
  return actions.has(text);
}

async function answer(task: () => Promise<void>): Promise<Response> {
  try {
    await task();
    return new Response(null, { status: 204 });
  } catch (error) {
    if (error instanceof RangeError) return new Response(error.message, { status: 400 });
    throw error;
  }
}
