// An MCP server that does next to nothing itself, where a test counts what the client does. Over stdio every call is answered;
// with "http" every call is refused with 500, and the first line on stdout is its URL.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const serverInfo = { name: "plain", version: "1.0.0" };
const greeting = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
const answer = ({ id, method }) =>
  JSON.stringify({ jsonrpc: "2.0", id, result: method === "initialize" ? greeting : { content: [] } });

if (process.argv[2] === "http") {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    if (request.method !== "POST") return response.writeHead(405).end();
    const message = JSON.parse(text);
    if (message.id === undefined) return response.writeHead(202).end();
    if (message.method === "tools/call") return response.writeHead(500).end();
    response.writeHead(200, { "content-type": "application/json" }).end(answer(message));
  });
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
  process.stdin.on("end", () => process.exit()).resume();
} else {
  createInterface(process.stdin).on("line", (line) => {
    const message = JSON.parse(line);
    if (message.id !== undefined) process.stdout.write(`${answer(message)}\n`);
  });
}
