import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { type Listening, listen } from "./listen.js";

/** Sessions whose replica is remembered. */
const maxSessions = 10_000;

/**
 * A small balancer over ports of this machine: one request after the other goes to the next port, those of a session to the
 * port that opened it. A replica that takes no connection has got nothing: its request goes to the next one.
 */
export function startBalancer(ports: readonly number[]): Promise<Listening> {
  const homes = new Map<string, number>();
  let turn = 0;

  const pass = (
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    candidates: readonly number[],
  ): void => {
    const [port, ...others] = candidates;
    if (port === undefined) return void response.writeHead(503).end();
    const { method, url, headers } = request;
    const sent = send({
      host: "127.0.0.1",
      port,
      method,
      path: url,
      headers: { ...headers, host: `127.0.0.1:${port}` },
      // A connection that is kept may be one to a replica that has just died, which this process has not yet been told.
      agent: false,
    });
    sent.once("response", (reply) => {
      const id = sessionOf(reply.headers);
      if (id !== undefined) homes.set(id, port);
      if (homes.size > maxSessions) homes.clear();
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      response.flushHeaders();
      reply.once("error", () => response.destroy());
      reply.pipe(response);
    });
    sent.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") pass(request, response, body, others);
      else response.destroy();
    });
    response.once("close", () => sent.destroy());
    sent.end(body);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    turn += 1;
    const order = ports.map((_, index) => ports[(turn + index) % ports.length] ?? 0);
    const home = homes.get(sessionOf(request.headers) ?? "");
    const candidates = home === undefined ? order : [home, ...order.filter((port) => port !== home)];
    pass(request, response, Buffer.concat(chunks), candidates);
  };

  return listen((request, response) => void answer(request, response).catch(() => response.destroy()), { port: 0 });
}

function sessionOf({ "mcp-session-id": id }: IncomingHttpHeaders): string | undefined {
  return typeof id === "string" ? id : undefined;
}
