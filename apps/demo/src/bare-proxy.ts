// A proxy as the SDK's examples have it, in front of one server: a session for each host, kept in this process. It tells its
// port on standard error, and ends with standard input.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [, , url = "", port = "0"] = process.argv;
process.stdin.resume().on("end", () => process.exit(0));
const upstream = new Client({ name: "bare-proxy", version: "1.0.0" });
await upstream.connect(new StreamableHTTPClientTransport(new URL(url)));
const sessions = new Map<string, StreamableHTTPServerTransport>();

async function open(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
    onsessionclosed: (id) => {
      sessions.delete(id);
    },
  });
  const server = new Server({ name: "bare-proxy", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => upstream.listTools(params));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => upstream.callTool(params));
  await server.connect(transport);
  return transport;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = request.headers["mcp-session-id"];
  const transport = typeof id === "string" ? sessions.get(id) : await open();
  if (transport !== undefined) return transport.handleRequest(request, response);
  response.writeHead(404, { "content-type": "application/json" });
  response.end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
}

const http = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
http.listen(Number(port), "127.0.0.1", () => {
  const address = http.address();
  process.stderr.write(`serving MCP at http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp\n`);
});
