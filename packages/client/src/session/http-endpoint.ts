import type { HttpServer } from "../server-config.js";
import { orAborted } from "./abort.js";
import { Failure } from "./failure.js";
import { forget } from "./quietly.js";
import type { Secrets } from "./secrets.js";

const maxWords = 300;
const wordsWithinMs = 1_000;

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

/** The first words of a refusal's body, on one line; "" where they do not come soon. */
export async function firstWords(response: Response, signal: AbortSignal): Promise<string> {
  const reader = bodyOf(response).getReader();
  const decoder = new TextDecoder();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), wordsWithinMs);
  const leave = (): void => late.abort();
  signal.addEventListener("abort", leave, { once: true });
  let text = "";
  try {
    while (text.length < maxWords) {
      const { done, value } = await orAborted(reader.read(), late.signal);
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What there is has to do.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
    forget(reader.cancel());
  }
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, maxWords);
}

/** A body that may be empty. */
export function bodyOf(response: Response): ReadableStream<Uint8Array> {
  return response.body ?? ReadableStream.from([]);
}

/** The whole body; undefined where it has more than `maxBytes`. */
export async function readWhole(response: Response, maxBytes: number): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of bodyOf(response)) {
    bytes += piece.length;
    if (bytes > maxBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
