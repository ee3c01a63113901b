import { readFileSync } from "node:fs";
import { type IncomingMessage, validateHeaderName, validateHeaderValue } from "node:http";
import type { Cancellation } from "../../cancellation.js";
import type { HttpServer } from "../../config/server-config.js";
import { headerValue, transportHeaders } from "../../config/transport-headers.js";
import { orAborted } from "../abort.js";
import { Failure } from "../failure.js";
import type { Secrets } from "../redact.js";
import type { HttpRequest } from "./http-sockets.js";

const userAgent = `minion/${ownVersion()}`;

/** Where a server is and what is sent to it with every request: nothing of it goes to another origin. */
export class HttpEndpoint {
  /** Without credentials: they become a header. */
  readonly url: URL;
  readonly #server: HttpServer;
  readonly #principal: string | undefined;
  readonly #secrets: Secrets;
  /** What goes with every request, where the configuration does not say otherwise. */
  readonly #always: Readonly<Record<string, string>>;

  constructor(server: HttpServer, principal: string | undefined, secrets: Secrets) {
    const url = new URL(server.url);
    secrets.addUrl(url);
    for (const proxy of proxiesOf(server)) if (URL.canParse(proxy)) secrets.addUrl(new URL(proxy));
    const basic = basicCredentials(url);
    if (basic !== undefined) secrets.addHeaders(basic);
    url.username = "";
    url.password = "";
    const configured = typeof server.headers === "object" ? server.headers : {};
    secrets.addHeaders(configured);
    this.#always = { "user-agent": userAgent, ...basic, ...inLowerCase(configured) };
    this.url = url;
    this.#server = server;
    this.#principal = principal;
    this.#secrets = secrets;
  }

  /** The headers of one request. Those of the transport (`own`, in lower case) stand above the configured ones. */
  async headers(
    own: Readonly<Record<string, string | undefined>>,
    signal: Cancellation,
  ): Promise<Record<string, string>> {
    const { headers } = this.#server;
    const all: Record<string, string> = { ...this.#always };
    if (typeof headers === "function") Object.assign(all, inLowerCase(await this.#ask(headers, signal)));
    for (const name of Object.keys(own)) {
      const value = own[name];
      if (value !== undefined) all[name] = value;
    }
    return all;
  }

  /**
   * Sends a request with them. Refused for want of a token, it is sent once more where the application, asked again, gives another
   * one: the first had been replaced meanwhile. Resolves with the answer and what it is an answer to.
   */
  async send(
    request: Omit<HttpRequest, "headers">,
    own: Readonly<Record<string, string | undefined>>,
    send: (request: HttpRequest) => Promise<IncomingMessage>,
  ): Promise<{ readonly response: IncomingMessage; readonly headers: Record<string, string> }> {
    const headers = await this.headers(own, request.signal);
    const response = await send({ ...request, headers });
    if (response.statusCode !== 401 || typeof this.#server.headers !== "function") return { response, headers };
    request.onWaiting?.();
    const current = await this.headers(own, request.signal).catch((error: unknown) => {
      response.destroy();
      throw error;
    });
    if (current.authorization === headers.authorization) return { response, headers };
    response.resume();
    return { response: await send({ ...request, headers: current }), headers: current };
  }

  async #ask(
    headers: Extract<HttpServer["headers"], (...args: never[]) => unknown>,
    signal: Cancellation,
  ): Promise<Readonly<Record<string, string>>> {
    try {
      const given = await orAborted(Promise.resolve(headers({ principal: this.#principal })), signal);
      if (typeof given !== "object" || given === null) throw new TypeError("it did not give an object of headers");
      this.#secrets.addChangingHeaders(given);
      // What cannot be sent is the application's fault, and is told here: a socket would only say that it failed.
      for (const [name, value] of Object.entries(given)) {
        validateHeaderName(name);
        validateHeaderValue(name, headerValue(value));
      }
      return given;
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new Failure("application", "the function that gives its headers failed", { delivery: "not-sent", cause });
    }
  }
}

/** What may hold the credentials of a proxy. */
function proxiesOf({ proxy = false }: HttpServer): readonly string[] {
  if (proxy !== "environment") return proxy === false ? [] : [proxy];
  const { env } = process;
  const names = ["https_proxy", "http_proxy", "all_proxy"];
  return [...names, ...names.map((name) => name.toUpperCase())].flatMap((name) => env[name] ?? []);
}

function basicCredentials({ username, password }: URL): { readonly authorization: string } | undefined {
  if (username === "" && password === "") return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}

/** What is configured, without what says how a message is cut off or which session it belongs to. */
function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const all = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), headerValue(value)] as const);
  return Object.fromEntries(all.filter(([name]) => !transportHeaders.has(name)));
}

/** The version of this package; where it was bundled into another its package.json is not there. */
function ownVersion(): string {
  try {
    const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
    return String(version);
  } catch {
    return "0";
  }
}
