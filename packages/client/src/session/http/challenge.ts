import type { IncomingMessage } from "node:http";

const maxLength = 4_000;
const quotedTexts = /"(?:[^"\\]|\\.)*"/g;
/** What stands within the quotes of a value is no field. */
const fields = /(?<![\w-])([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g;

/** What a server asks for that refuses a request for want of authorization (RFC 6750, RFC 9449). */
export interface Challenge {
  readonly status: 401 | 403;
  /** The value of `WWW-Authenticate`; undefined where there is none. */
  readonly text: string | undefined;
  /** Space-separated. */
  readonly scope: string | undefined;
  /** Where the server says that its metadata are (RFC 9728); unchecked. */
  readonly resourceMetadata: string | undefined;
}

/** What an answer asks for; undefined where it does not refuse the request for want of a token, or of a scope of it. */
export function challengeOf({ statusCode: status, headers }: IncomingMessage): Challenge | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const text = headers["www-authenticate"]?.slice(0, maxLength);
  // A header may hold several challenges; a word within quotes begins none.
  const unquoted = text?.replace(quotedTexts, (quoted) => "_".repeat(quoted.length)) ?? "";
  const start = /(?:^|[\s,])(?=(?:bearer|dpop)(?:\s|$))/i.exec(unquoted);
  const ours = start === null ? "" : text?.slice(start.index);
  const field = (name: string): string | undefined => fieldOf(ours ?? "", name);
  if (status === 403 && field("error") !== "insufficient_scope") return undefined;
  return { status, text, scope: field("scope"), resourceMetadata: field("resource_metadata") };
}

function fieldOf(challenge: string, name: string): string | undefined {
  for (const [, field, quoted, plain] of challenge.matchAll(fields))
    if (field?.toLowerCase() === name) return (quoted ?? plain) || undefined;
  return undefined;
}
