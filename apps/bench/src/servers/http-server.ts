// A lean server over streamable HTTP, forked: `node http-server.js [TOOLS] [json|sse] [legacy|modern]`. Tells its parent the port, and the most sockets at once when asked.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { answerOf } from "./lean-server.js";

const tools = Number(process.argv[2] ?? 10);
const answer = answerOf(process.argv[4]);
const isModern = process.argv[4] === "modern";
const asStream = process.argv[3] === "sse";
let open = 0;
let most = 0;

/** What it says to its parent. */
export type HttpServerMessage = { readonly port: number } | { readonly mostSockets: number };

function reply(request: IncomingMessage, response: ServerResponse, body: string): void {
  const text = answer(body, tools);
  if (text === undefined) {
    response.writeHead(202).end();
    return;
  }
  const session = isModern ? {} : { "mcp-session-id": request.headers["mcp-session-id"] ?? randomUUID() };
  const type = asStream ? "text/event-stream" : "application/json";
  response.writeHead(200, { "content-type": type, ...session });
  response.end(asStream ? `event: message\ndata: ${text}\n\n` : text);
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    // No standing stream, and a session that ends needs no answer but this one.
    response.writeHead(request.method === "DELETE" ? 200 : 405).end();
    return;
  }
  let body = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => reply(request, response, body));
});
server.on("connection", (socket) => {
  open += 1;
  most = Math.max(most, open);
  socket.on("close", () => {
    open -= 1;
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") tell({ port: address.port });
});
process.on("message", () => {
  tell({ mostSockets: most });
  most = open;
});
process.on("disconnect", () => process.exit(0));

function tell(message: HttpServerMessage): void {
  process.send?.(message);
}
