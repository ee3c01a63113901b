import { errorResponse } from "./error-response.js";

/** The body of a request, where it is not too large. */
export type BodyText = { readonly tooLarge: true } | { readonly tooLarge: false; readonly text: string };

/** The JSON that the body of a request is, or what is answered where it is too large, compressed or no JSON. */
export async function jsonBody(
  { headers }: Request,
  read: () => Promise<BodyText>,
  maxBytes: number,
): Promise<unknown> {
  if (!/^(?:identity)?$/i.test(headers.get("content-encoding") ?? ""))
    return errorResponse(415, -32000, "Unsupported Media Type: send the body without Content-Encoding.", {
      headers: { "accept-encoding": "identity" },
    });
  try {
    const body = await read();
    // What is left of it is not read.
    if (body.tooLarge)
      return errorResponse(413, -32000, `The body is larger than ${maxBytes} bytes.`, {
        headers: { connection: "close" },
      });
    return JSON.parse(body.text.replace(/^\ufeff/, ""));
  } catch {
    return errorResponse(400, -32700, "Parse error: the body is not valid JSON.");
  }
}
