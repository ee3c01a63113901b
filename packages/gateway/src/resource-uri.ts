import { createHash } from "node:crypto";

/** The name of a server as the first part of a URI scheme: a legal one stands as it is, any other as a hash of it. */
function schemePart(server: string): string {
  if (/^[a-z][a-z0-9.-]*$/.test(server)) return server;
  return `x${createHash("sha256").update(server).digest("hex").slice(0, 8)}`;
}

/** The URI, or URI template, of a server's resource as the gateway has it: `<server>+<uri>`. */
export function gatewayUri(server: string, uri: string): string {
  return `${schemePart(server)}+${uri}`;
}

/** The server and its own URI that a URI of the gateway stands for; undefined where it is of none of the servers. */
export function serverUri(
  uri: string,
  servers: readonly string[],
): { readonly server: string; readonly uri: string } | undefined {
  const end = uri.indexOf("+");
  if (end < 1) return undefined;
  const part = uri.slice(0, end);
  const server = servers.find((name) => schemePart(name) === part);
  return server === undefined ? undefined : { server, uri: uri.slice(end + 1) };
}
