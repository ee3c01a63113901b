import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);

/** An answer to a scrape, whichever server sends it. */
export interface ScrapeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Whether an Accept-Encoding header admits gzip (RFC 9110, 12.5.3). */
export function acceptsGzip(header: string | null | undefined): boolean {
  let any = false;
  for (const part of (header ?? "").toLowerCase().split(",")) {
    const [coding = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.split("=")[1];
    const accepted = weight === undefined || Number(weight) > 0;
    if (coding === "gzip" || coding === "x-gzip") return accepted;
    if (coding === "*") any = accepted;
  }
  return any;
}

const plain = { "content-type": "text/plain; charset=utf-8" };

function message(status: number, text: string, headers: Readonly<Record<string, string>> = {}): ScrapeResponse {
  return { status, headers: { ...plain, ...headers }, body: Uint8Array.from(Buffer.from(`${text}\n`)) };
}

/** Answers one request. Never rejects: what fails becomes a 500, which Prometheus shows as a target that is down. */
export async function scrapeResponse(
  metrics: { text(): Promise<string>; readonly contentType: string },
  request: { readonly method: string | undefined; readonly acceptEncoding: string | null | undefined },
): Promise<ScrapeResponse> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return message(405, "Metrics are read with GET", { allow: "GET, HEAD" });
  try {
    const text = Buffer.from(await metrics.text());
    const headers = { "content-type": metrics.contentType, vary: "accept-encoding" };
    if (!acceptsGzip(request.acceptEncoding)) return { status: 200, headers, body: Uint8Array.from(text) };
    const body = Uint8Array.from(await compress(text));
    return { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body };
  } catch {
    // The error may hold anything, and whoever scrapes is not known.
    return message(500, "A metric of the registry could not be collected; `await metrics.text()` throws the error");
  }
}
