import type { HttpServer, StdioServer } from "../config/server-config.js";
import type { Exchanges } from "./exchanges.js";
import type { HttpSockets, SendHttp } from "./http/http-sockets.js";
import { HttpWire } from "./http/http-wire.js";
import type { Secrets } from "./redact.js";
import { StdioWire } from "./stdio/stdio-wire.js";
import type { Wire } from "./wire.js";

/** What every wire of a connection is made with. */
export interface WireParts {
  readonly exchanges: Exchanges;
  readonly secrets: Secrets;
  readonly maxMessageBytes: number;
}

/** The way to a server that is started as a process. */
export function processWire(server: StdioServer, parts: WireParts): Wire {
  parts.secrets.addEnv(server.env ?? {});
  parts.secrets.addArgs(server.args ?? []);
  return new StdioWire({ server, ...parts });
}

/** The way to a server over the network. `send` is the sockets themselves, or a layer in front of them. */
export function httpWire(
  server: HttpServer,
  kind: "http" | "sse",
  parts: WireParts & {
    readonly principal: string | undefined;
    readonly sockets: HttpSockets;
    readonly send: SendHttp;
  },
): Wire {
  const send: SendHttp = (url, request) => {
    parts.secrets.addSent(request.headers);
    return parts.send(url, request);
  };
  return new HttpWire({ server, kind, ...parts, send });
}
