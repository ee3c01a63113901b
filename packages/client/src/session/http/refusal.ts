import type { IncomingMessage } from "node:http";
import type { RequestId } from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../../untrusted.js";
import type { Failure } from "../failure.js";
import type { Secrets } from "../redact.js";
import { challengeOf } from "./challenge.js";
import { encodingOf, readStart } from "./replies.js";
import { refusal } from "./status-failure.js";

const maxWords = 300;
/** An error with its data fits; of a page nobody needs more. */
const maxLength = 262_144;
/** What these say is not the server's answer to the request, whatever stands in the body. */
const neverAnswers: ReadonlySet<number> = new Set([401, 403, 407, 429, 502, 503, 504]);

/** What a refused request came to. */
export interface Refusal {
  /** With the server's own words. */
  readonly failure: Failure;
  /** The body, where it is the JSON-RPC answer to this very request: then the status says nothing more. */
  readonly answer: object | undefined;
}

/** Reads what a server says with a status that is no success. */
export async function readRefusal(
  response: IncomingMessage,
  options: { readonly id: RequestId | undefined; readonly hasSession: boolean; readonly secrets: Secrets },
): Promise<Refusal> {
  const { statusCode: status = 0, headers } = response;
  const { id, hasSession, secrets } = options;
  const isPlain = encodingOf(response) === undefined;
  if (!isPlain) response.destroy();
  const body = isPlain ? await readStart(response, maxLength) : "";
  const message = status >= 400 ? parsed(body) : undefined;
  const isOwn = message?.id === id || (message?.id === null && isOfProtocol(message.error));
  const isAnswer = id !== undefined && message !== undefined && isOwn && ("error" in message || "result" in message);
  const hasChallenge = headers["www-authenticate"] !== undefined;
  const challenge = challengeOf(response);
  const refused = refusal(status, headers["retry-after"] ?? null, { hasSession, hasChallenge });
  const failure = refused.with({ challenge, isPlain: message?.jsonrpc === undefined });
  // What a URL carries behind the path may be meant for one reader alone.
  const target = status < 400 ? headers.location?.split("?", 1)[0] : undefined;
  const said = target === undefined ? (wordsOf(message) ?? body) : `it redirects to ${target}`;
  const words = onOneLine(secrets.clean(said, 4 * maxWords));
  return {
    answer: isAnswer && !neverAnswers.has(status) ? { ...message, id } : undefined,
    failure: words === "" ? failure : failure.with({ message: `${failure.message}: ${words}` }),
  };
}

/** What a JSON-RPC error says, which tells more than the message around it. */
function wordsOf(message: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const error = message?.error;
  if (typeof error !== "object" || error === null || !("message" in error)) return undefined;
  return typeof error.message === "string" ? error.message : undefined;
}

/** Whether an error is one of those that revision 2026-07-28 gives a meaning: it can be about nothing but this request. */
function isOfProtocol(error: unknown): boolean {
  const code: unknown = isObject(error) ? error.code : undefined;
  return code === -32020 || code === -32021 || code === -32022;
}

/**
 * Whether an answer that came with a status of refusal may be that of another server than the one of an older revision that
 * was greeted: one of today answers so to requests that do not say by themselves who sends them.
 */
export function isOfAnother(answer: object): boolean {
  const error: unknown = Reflect.get(answer, "error");
  const code: unknown = isObject(error) ? error.code : undefined;
  return code === -32601 || code === -32602;
}

function onOneLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, maxWords);
}

function parsed(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
