import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { open, rejection } from "./support.js";

/** A server over TLS with a certificate that nobody has signed; it gives no session. */
async function startSecureServer(): Promise<string> {
  const [key, cert] = ["key.pem", "cert.pem"].map((name) =>
    readFileSync(new URL(`certificate/${name}`, import.meta.url)),
  );
  const server = createServer({ key, cert }, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const message: { readonly id?: number; readonly method?: string } = body === "" ? {} : JSON.parse(body);
    if (message.id === undefined) return response.writeHead(request.method === "POST" ? 202 : 405).end();
    const result =
      message.method === "initialize"
        ? { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "secure", version: "1.0.0" } }
        : { content: [{ type: "text", text: "over TLS" }] };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `https://127.0.0.1:${port}/mcp`;
}

test("M2: over TLS a call counts as sent when the connection is secure, and is answered without a session", async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const { call } = await open({ url: await startSecureServer() });
  let sent = 0;
  expect(await call("echo", {}, { onSent: () => sent++ })).toMatchObject({ content: [{ text: "over TLS" }] });
  expect(sent).toBe(1);
});

test("M4: a certificate that nobody has signed is a connection that fails, and nothing was sent", async () => {
  expect(await rejection(open({ url: await startSecureServer() }))).toMatchObject({
    kind: "connect",
    delivery: "not-sent",
    cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  });
});
