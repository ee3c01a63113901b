// A server on stdin and stdout, or over HTTP, that answers like the lean one until its tool is called; then it pours out messages of one
// kind as fast as they are taken, and never answers that call: `node flood-server.js KIND [http]`. Over HTTP it tells its parent the port.
import { createServer, type ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { floodKinds, floodLine } from "./flood-message.js";
import { answerOf } from "./lean-server.js";

const answer = answerOf("legacy");

const kind = floodKinds.find((known) => known === process.argv[2]) ?? "noise";
const perWrite = 100;
let sent = 0;

/** Writes without end, no faster than it is taken. */
function pour(output: Writable, token: unknown, frame: (line: string) => string): void {
  let text = "";
  for (let count = 0; count < perWrite; count += 1) text += frame(floodLine(kind, sent++, token));
  if (output.destroyed) return;
  const next = (): void => void setImmediate(() => pour(output, token, frame));
  if (output.write(text)) next();
  else output.once("drain", next);
}

interface Call {
  readonly method?: string;
  readonly params?: { readonly _meta?: { readonly progressToken?: unknown } };
}

/** The answer to a message; a call begins the flood instead. */
function hear(text: string, begin: (token: unknown) => void): string | undefined {
  const { method, params }: Call = JSON.parse(text);
  if (method !== "tools/call") return answer(text, 1);
  begin(params?._meta?.progressToken);
  return undefined;
}

function overStdio(): void {
  let rest = "";
  const output = kind === "stderr" ? process.stderr : process.stdout;
  process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = hear(line, (token) => pour(output, token, (one) => `${one}\n`));
      if (text !== undefined) process.stdout.write(`${text}\n`);
    }
  });
  process.stdin.on("end", () => process.exit(0));
}

function overHttp(): void {
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.writeHead(request.method === "DELETE" ? 200 : 405).end();
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => reply(response, body));
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") process.send?.({ port: address.port });
  });
  process.on("disconnect", () => process.exit(0));
}

function reply(response: ServerResponse, body: string): void {
  const text = hear(body, (token) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    pour(response, token, (one) => (kind === "noise" ? `: ${one}\n` : `data: ${one}\n\n`));
  });
  if (text !== undefined) response.writeHead(200, { "content-type": "application/json" }).end(text);
  else if (!response.headersSent) response.writeHead(202).end();
}

if (process.argv[3] === "http") overHttp();
else overStdio();
