import type { GatewaySettings } from "./gateway-options.js";

/** The names by which a request says where it goes and where it comes from. */
export interface Arrival {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The address that the request came in on, where it is known. */
  readonly localAddress: string | undefined;
}

/**
 * Why a request may not come in; undefined where it may.
 *
 * Its `Host` must be a loopback name, the IP literal of the address that it came in on, or allowed: a web site that rebinds
 * its own name to this machine has neither. Its `Origin`, where it has one, must be the same or an allowed origin. Ports are
 * not compared, since that of a balancer differs.
 */
export function refusalReason(
  { host, origin, localAddress }: Arrival,
  { allowedHosts, allowedOrigins }: Pick<GatewaySettings, "allowedHosts" | "allowedOrigins">,
): string | undefined {
  const own = (localAddress ?? "").replace(/^::ffff:/, "");
  const isOpenTo = (name: string | undefined, allowed: readonly string[]): boolean =>
    name !== undefined && (isLoopback(name) || name === own || allowed.some((one) => one.toLowerCase() === name));
  if (!isOpenTo(hostName(`http://${host}`), allowedHosts))
    return "its Host is not allowed; --allow-host and allowedHosts allow further names";
  if (origin !== undefined && !isOpenTo(hostName(origin), [...allowedHosts, ...allowedOrigins]))
    return "its Origin is not allowed; allowedOrigins allows further names";
  return undefined;
}

/** The host of a URL, without its port and without the brackets of IPv6; undefined where there is more than a host and a port. */
function hostName(url: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[\w.:[\]-]+\/?$/i.test(url) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase() || undefined;
}

/** Whether a host name or address is this machine's own. */
export function isLoopback(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}
