/** The names by which a request says where it goes and where it comes from. */
export interface Arrival {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The address that the request came in on, where it is known. */
  readonly localAddress: string | undefined;
}

/** Further names, as {@link hostNames} gives them. */
interface Allowed {
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
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
  { allowedHosts, allowedOrigins }: Allowed,
): string | undefined {
  const own = (localAddress ?? "").replace(/^::ffff:/, "");
  const isOpenTo = (name: string | undefined, allowed: readonly string[]): boolean =>
    name !== undefined && (isLoopback(name) || name === own || allowed.includes(name));
  if (!isOpenTo(hostName(`http://${host}`), allowedHosts))
    return "its Host is not allowed; --allow-host and allowedHosts allow further names";
  if (origin !== undefined && !isOpenTo(hostName(origin), [...allowedHosts, ...allowedOrigins]))
    return "its Origin is not allowed; allowedOrigins allows further names";
  return undefined;
}

/**
 * The names in a list of hosts or origins, without their ports: `example.com`, `example.com:8443`, `https://example.com`, `::1`.
 *
 * @throws TypeError where one is none, as `*`, which would let in nobody
 */
export function hostNames(what: string, given: readonly string[] = []): readonly string[] {
  return given.map((one) => {
    const name = hostName(one) ?? hostName(`http://${one}`) ?? hostName(`http://[${one}]`);
    if (name === undefined)
      throw new TypeError(`${what} must hold names of hosts, got ${JSON.stringify(one.slice(0, 100))}`);
    return name;
  });
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
