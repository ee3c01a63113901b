import type { HttpServer } from "../../config/server-config.js";
import { orAborted } from "../abort.js";
import { Failure } from "../failure.js";
import type { Secrets } from "../redact.js";

/** Where a server is and what is sent to it with every request: nothing of it goes anywhere else. */
export class HttpEndpoint {
  /** Without credentials, which `fetch` refuses in a URL: they become a header. */
  readonly url: URL;
  readonly #server: HttpServer;
  readonly #principal: string | undefined;
  readonly #secrets: Secrets;
  readonly #basic: string | undefined;

  constructor(server: HttpServer, principal: string | undefined, secrets: Secrets) {
    const url = new URL(server.url);
    secrets.addUrl(url);
    if (url.username !== "" || url.password !== "") {
      const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      this.#basic = `Basic ${Buffer.from(credentials).toString("base64")}`;
      secrets.addHeaders({ authorization: this.#basic });
      url.username = "";
      url.password = "";
    }
    if (typeof server.headers === "object") secrets.addHeaders(server.headers);
    this.url = url;
    this.#server = server;
    this.#principal = principal;
    this.#secrets = secrets;
  }

  /** The headers of one request: the SDK's, with the configured ones on top. */
  async headers(given: RequestInit["headers"], signal: AbortSignal): Promise<Headers> {
    const headers = new Headers(given);
    if (this.#basic !== undefined && !headers.has("authorization")) headers.set("authorization", this.#basic);
    for (const [name, value] of Object.entries(await this.#configured(signal))) headers.set(name, value);
    return headers;
  }

  async #configured(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { headers = {} } = this.#server;
    if (typeof headers !== "function") return headers;
    try {
      const given = await orAborted(headers({ principal: this.#principal }), signal);
      this.#secrets.addChangingHeaders(given);
      return given;
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new Failure("connect", "the function that gives its headers failed", { delivery: "not-sent", cause });
    }
  }
}
