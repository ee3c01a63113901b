import { addressesOf, isPrivateAddress } from "./private-address.js";

/**
 * Where the requests of a login may go. A server names its metadata and its authorization server itself, so that it could
 * have this machine ask whatever it can reach: private addresses are asked only where the server's own URL is one.
 */
export class OAuthOrigins {
  readonly #serverUrl: URL;
  readonly #allowed: ReadonlySet<string>;
  #own: Promise<readonly string[]> | undefined;

  constructor(serverUrl: URL, allowed: readonly string[]) {
    this.#serverUrl = serverUrl;
    this.#allowed = new Set(allowed.map((origin) => new URL(origin).origin));
  }

  /** The URL of metadata that a challenge names, where it may be asked: on the server's own origin, or an allowed one. */
  metadataUrl(named: string | undefined): URL | undefined {
    if (named === undefined || !URL.canParse(named)) return undefined;
    const url = new URL(named);
    return url.origin === this.#serverUrl.origin || this.#allowed.has(url.origin) ? url : undefined;
  }

  /** Whether that address, to which the host of `url` leads, may be asked. */
  async mayAsk(url: URL, address: string, isMetadata: boolean): Promise<boolean> {
    if (url.origin === this.#serverUrl.origin || !isPrivateAddress(address)) return true;
    this.#own ??= addressesOf(this.#serverUrl);
    const own = await this.#own;
    if (isMetadata) return own.includes(address);
    return this.#allowed.has(url.origin) || own.some(isPrivateAddress);
  }
}
