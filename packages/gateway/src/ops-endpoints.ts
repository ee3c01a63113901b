import type { IncomingMessage, ServerResponse } from "node:http";
import { hostNames, refusalReason } from "./door.js";
import type { Gateway } from "./gateway.js";
import type { GatewayOptions } from "./gateway-options.js";

/**
 * What operators and balancers ask, on a port of its own: `/livez` whether the process runs, `/readyz` whether it is to
 * be sent requests, `/status` how each server is, and `/metrics`. Probes call by IP address or by any name; the other two
 * are refused to foreign ones.
 */
export function opsEndpoints(
  gateway: Gateway,
  metrics: (request: IncomingMessage, response: ServerResponse) => void,
  { allowedHosts = [], fleet }: Pick<GatewayOptions, "allowedHosts"> & { readonly fleet?: (() => object) | undefined },
): (request: IncomingMessage, response: ServerResponse) => void {
  const names = hostNames("Gateway: allowedHosts", allowedHosts);
  return (request, response) => {
    const path = (request.url ?? "/").replace(/\?.*$/, "");
    const answer = (status: number, body: object | string): void => {
      const isText = typeof body === "string";
      response.writeHead(status, {
        "content-type": isText ? "text/plain; charset=utf-8" : "application/json",
        "content-security-policy": "frame-ancestors 'none'",
        "cache-control": "no-store",
      });
      response.end(isText ? `${body}\n` : JSON.stringify(body));
    };
    if (path === "/livez") return answer(200, "ok");
    if (path === "/readyz") return gateway.status().ready ? answer(200, "ok") : answer(503, "not ready");
    const { host, origin } = request.headers;
    const arrival = { host, origin, localAddress: request.socket.localAddress };
    const reason = refusalReason(arrival, { allowedHosts: names, allowedOrigins: [] });
    if (reason !== undefined) return answer(403, `Forbidden: ${reason}.`);
    if (path === "/metrics") return metrics(request, response);
    if (path === "/status" && request.method === "GET") return answer(200, { ...gateway.status(), fleet: fleet?.() });
    return answer(404, "Not found: there are /livez, /readyz, /status and /metrics.");
  };
}
