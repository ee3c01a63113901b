import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { HttpBindings } from "@hono/node-server";
import type { MinionClient } from "@minion/client";
import type { Metrics } from "@minion/metrics";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { callByHand, toHandCall, toolsByHand } from "./by-hand.js";
import { maxBodyBytes } from "./door.js";
import type { Live } from "./live.js";
import type { Action } from "./live-state.js";
import type { TwoReplicas } from "./two-replicas.js";

const web = fileURLToPath(new URL("web/", import.meta.url));
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const actions: ReadonlySet<string> = new Set<Action>(["kill", "freeze", "slow", "fail", "forget", "flood", "restore"]);

/** Pages that may be told of the live state at once. */
const maxStreams = 64;
/** States that a page may not have read yet; one that is further behind has to come again. */
const maxUnread = 64;

/**
 * The page, its live states, its buttons, its calls by hand and /metrics, on one port. `replicas` are those of the scene
 * behind a balancer, where the servers are the demo's own.
 */
export function page(
  live: Live,
  client: MinionClient,
  metrics: Metrics,
  replicas?: TwoReplicas,
): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(async (context, next) => {
    await next();
    context.header(
      "content-security-policy",
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
    context.header("x-content-type-options", "nosniff");
  });
  // The door has checked Host and Origin; a browser that sends no Origin with a GET tells by this who asks.
  app.use("/api/*", async (context, next) => {
    const site = context.req.header("sec-fetch-site");
    if (site !== undefined && site !== "same-origin" && site !== "none")
      return context.text("Only the demo's own page may do this.", 403);
    return next();
  });
  const tooLarge = "The body may have at most 1 MiB.";
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: (context) => context.text(tooLarge, 413) }));
  app.get("/metrics", (context) => metrics.fetch(context.req.raw));
  let openStreams = 0;
  app.get("/api/live", (context) => {
    if (openStreams >= maxStreams) return context.text("Too many pages are open.", 503);
    openStreams += 1;
    return streamSSE(context, async (stream) => {
      try {
        await tell(stream, live, () => context.env.outgoing.destroy());
      } finally {
        openStreams -= 1;
      }
    });
  });
  app.post("/api/rate", async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    const rate = typeof body === "object" && body !== null && "rate" in body ? body.rate : undefined;
    if (typeof rate !== "number") return context.text('Send {"rate": calls per second}.', 400);
    return answer(async () => live.setRate(rate));
  });
  // Names stand in queries and bodies: a server may be called "..", which no path can hold.
  app.post("/api/act", async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    if (typeof body !== "object" || body === null || !("server" in body) || !("action" in body))
      return context.text('Send {"server": name, "action": action}.', 400);
    const { server, action } = body;
    if (typeof action !== "string" || !isAction(action)) return context.text(`There is no action "${action}".`, 404);
    return answer(() => live.act(String(server), action));
  });
  app.get("/api/replicas", (context) =>
    replicas === undefined ? context.text("There are none.", 404) : context.json(replicas.view()),
  );
  app.post("/api/replicas/:action", (context) => {
    const action = context.req.param("action");
    if (replicas === undefined || (action !== "start" && action !== "kill"))
      return context.text("There is nothing to do that to.", 404);
    // What comes of it is seen in the view.
    void replicas[action]();
    return context.body(null, 204);
  });
  app.get("/api/tools", async (context) => {
    try {
      return context.json(await toolsByHand(client, context.req.query("server") ?? ""));
    } catch (error) {
      return context.text(error instanceof Error ? error.message : String(error), 502);
    }
  });
  app.post("/api/call", async (context) => {
    const call = toHandCall(await context.req.json().catch(() => undefined));
    if (call === undefined) return context.text('Send {"server": name, "tool": name, "args": {...}}.', 400);
    return context.json(await callByHand(client, { ...call, signal: context.req.raw.signal }));
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

/** Tells a page the past and then each new state, until it is gone; hangs up on one that does not read. */
async function tell(stream: SSEStreamingApi, live: Live, hangUp: () => void): Promise<void> {
  const gone = new Promise<void>((resolve) => stream.onAbort(resolve));
  for (const state of live.history()) {
    if (stream.aborted) return;
    await Promise.race([gone, stream.writeSSE({ event: "past", data: JSON.stringify(state) })]);
  }
  let unread = 0;
  const unsubscribe = live.subscribe((state) => {
    if (unread >= maxUnread) return hangUp();
    unread += 1;
    void stream.writeSSE({ event: "now", data: JSON.stringify(state) }).then(() => {
      unread -= 1;
    });
  });
  await gone;
  unsubscribe();
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
