import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { HttpProxyAgent } from "http-proxy-agent";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import type { HttpServer } from "../../config/server-config.js";

/** Less than the five seconds after which a server of Node ends a socket that rests: it would meet the next request. */
const restMs = 4_000;
const kept = { keepAlive: true, timeout: restMs } as const;

/** What opens and keeps the sockets to a server: directly, or through an HTTP proxy. */
export class Agents {
  readonly #proxy: string | false;
  readonly #ca: readonly string[];
  /** By the URL of the proxy, and whether TLS goes through it. */
  readonly #byProxy = new Map<string, HttpAgent>();
  #secureContext: SecureContext | undefined;

  constructor({ proxy = false, ca = [] }: Pick<HttpServer, "proxy" | "ca">) {
    this.#proxy = proxy;
    this.#ca = typeof ca === "string" ? [ca] : ca;
  }

  /** The agent for a URL, and what TLS trusts beside what Node.js does. Throws where the environment names no HTTP proxy. */
  optionsFor(url: URL): { readonly agent: HttpAgent; readonly secureContext?: SecureContext } {
    const proxy = this.#proxy === "environment" ? getProxyForUrl(url.href) : this.#proxy || "";
    const isSecure = url.protocol === "https:";
    const key = `${url.protocol}${proxy}`;
    let agent = this.#byProxy.get(key);
    if (agent === undefined) {
      agent = this.#make(proxy, isSecure);
      this.#byProxy.set(key, agent);
    }
    const secureContext = isSecure ? this.#trust() : undefined;
    return { agent, ...(secureContext !== undefined && { secureContext }) };
  }

  /** Closes the sockets that rest; the next request opens another. */
  destroy(): void {
    for (const agent of this.#byProxy.values()) agent.destroy();
  }

  #make(proxy: string, isSecure: boolean): HttpAgent {
    if (proxy === "") return isSecure ? new HttpsAgent(kept) : new HttpAgent(kept);
    const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
    if (url?.protocol !== "http:" && url?.protocol !== "https:")
      throw new TypeError("the proxy that the environment names has no http or https URL");
    const secureContext = url.protocol === "https:" ? this.#trust() : undefined;
    const options = { ...kept, ...(secureContext !== undefined && { secureContext }) };
    return isSecure ? new HttpsProxyAgent(url, options) : new HttpProxyAgent(url, options);
  }

  #trust(): SecureContext | undefined {
    if (this.#ca.length === 0) return undefined;
    this.#secureContext ??= createSecureContext({ ca: [...rootCertificates, ...this.#ca] });
    return this.#secureContext;
  }
}
