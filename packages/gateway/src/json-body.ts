import { errorResponse } from "./error-response.js";

/** The body of a request, where it is not too large. */
export type BodyText = { readonly tooLarge: true } | { readonly tooLarge: false; readonly text: string };

/** The JSON that a body is, or what is answered where it is too large or no JSON. */
export async function jsonBody(read: () => Promise<BodyText>, maxBytes: number): Promise<unknown> {
  try {
    const body = await read();
    // What is left of it is not read.
    if (body.tooLarge)
      return errorResponse(413, -32000, `The body is larger than ${maxBytes} bytes.`, {
        headers: { connection: "close" },
      });
    return JSON.parse(body.text);
  } catch {
    return errorResponse(400, -32700, "Parse error: the body is not valid JSON.");
  }
}
