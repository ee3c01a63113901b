import { lookup as lookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { HttpRequest, SendHttp } from "../session/http/http-sockets.js";
import { encodingOf, readWhole } from "../session/http/replies.js";
import type { Secrets } from "../session/redact.js";
import { isObject } from "../untrusted.js";
import type { OAuthOrigins } from "./oauth-origins.js";
import { literalAddress } from "./private-address.js";
import type { RefreshTokens } from "./refresh-tokens.js";

/** More is no metadata and no token. */
const maxBytes = 1_048_576;
/** What such answers hold that nobody else may see. */
const secretMembers = ["access_token", "refresh_token", "id_token", "client_secret", "registration_access_token"];

/** What servers of note say in place of the words of OAuth. */
const ownWords: ReadonlyMap<string, string> = new Map([["bad_refresh_token", "invalid_grant"]]);

/** What the requests of a login are sent with. */
export interface OAuthFetchOptions {
  readonly send: SendHttp;
  readonly origins: OAuthOrigins;
  readonly secrets: Secrets;
  readonly refreshTokens: RefreshTokens;
  /** Makes the error that says that the authorization server is out of order for now: it ends no login. */
  readonly outOfOrder: (message: string) => Error;
  /** The metadata that a challenge named. */
  readonly metadataUrl: URL | undefined;
  readonly signal: AbortSignal;
}

/** A `fetch` for the SDK's OAuth steps, over the server's own sockets: bounded, guarded, and without redirects. */
export function oauthFetch(options: OAuthFetchOptions): (url: string | URL, init?: RequestInit) => Promise<Response> {
  const { secrets, refreshTokens, outOfOrder } = options;
  return async (input, init = {}) => {
    const url = new URL(input);
    const body = init.body === undefined || init.body === null ? undefined : String(init.body);
    const form = body === undefined ? undefined : new URLSearchParams(body);
    for (const name of ["client_secret", "refresh_token", "code", "code_verifier", "client_assertion"])
      secrets.addChanging(form?.get(name) ?? "", name);
    const refreshToken = form?.get("grant_type") === "refresh_token" ? form.get("refresh_token") : null;
    if (refreshToken === null) return (await answerTo(url, body, init, options)).response;
    refreshTokens.present(refreshToken);
    try {
      const { response, error, hasToken } = await answerTo(url, body, init, options);
      if (response.ok && hasToken) return response;
      if (!response.ok && isDefinite(response.status, error)) {
        if (error !== "invalid_grant") refreshTokens.keep(refreshToken);
        return response;
      }
      const what = response.ok ? "without a token" : `with HTTP status ${response.status}`;
      throw new Error(`its authorization server answered ${what}`);
    } catch (cause) {
      refreshTokens.keep(refreshToken);
      throw outOfOrder(
        secrets.mask(`the token could not be refreshed: ${cause instanceof Error ? cause.message : ""}`),
      );
    }
  };
}

/** Whether an answer is a refusal of OAuth (RFC 6749, 5.2), and no sign of a server that is out of order. */
function isDefinite(status: number, error: string | undefined): boolean {
  return status < 500 && status !== 408 && status !== 429 && error !== undefined && error !== "server_error";
}

interface Answer extends Readable {
  readonly response: Response;
}

/** Rejects with a `TypeError` where there is no answer, as a `fetch` does. */
async function answerTo(
  url: URL,
  body: string | undefined,
  init: RequestInit,
  options: OAuthFetchOptions,
): Promise<Answer> {
  const { send, secrets, signal } = options;
  try {
    signal.throwIfAborted();
    const request: HttpRequest = {
      method: init.method?.toUpperCase() === "POST" ? "POST" : "GET",
      headers: Object.fromEntries(new Headers(init.headers)),
      body,
      signal,
      lookup: await guardedLookup(url, options),
    };
    const answer = await send(url, request);
    const { statusCode: status = 0, headers } = answer;
    const encoding = encodingOf(answer);
    const bytes = encoding === undefined ? await readWhole(answer, maxBytes) : undefined;
    answer.destroy();
    if (bytes === undefined)
      throw new Error(encoding === undefined ? "the answer is too large" : "the answer is encoded");
    const read = readable(bytes.toString("utf8"), status >= 200 && status < 300, secrets);
    const hasNoBody = status === 204 || status === 205 || status === 304;
    // Some servers refuse with a status of success.
    const shownStatus = read.error !== undefined && !read.hasToken && status < 300 ? 400 : status;
    const shown = Object.entries(headers).flatMap(([name, value]) =>
      name === "content-length" || value === undefined ? [] : [[name, String(value)] as [string, string]],
    );
    return { response: new Response(hasNoBody ? null : read.text, { status: shownStatus, headers: shown }), ...read };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(secrets.mask(`${url.origin}${url.pathname} cannot be asked: ${why}`), { cause });
  }
}

interface Readable {
  readonly text: string;
  /** The code of an OAuth error. */
  readonly error: string | undefined;
  readonly hasToken: boolean;
}

/** What the SDK may read of a body. It writes some of what it cannot understand to the console, and into its errors. */
function readable(text: string, isSuccess: boolean, secrets: Secrets): Readable {
  const nothing = { error: undefined, hasToken: false };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { text: isSuccess ? "" : secrets.mask(text.slice(0, 300)), ...nothing };
  }
  if (!isObject(value)) return { text: isSuccess ? text : "", ...nothing };
  for (const name of secretMembers) {
    const member = value[name];
    if (typeof member === "string") secrets.addChanging(member, name);
  }
  // null is absent, which the SDK does not know.
  const members = Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
  const { error: said, access_token: token } = members;
  const error = typeof said === "string" ? (ownWords.get(said) ?? said) : undefined;
  if (typeof token === "string" && token !== "")
    return { text: isSuccess ? JSON.stringify(tokensOf(members)) : secrets.mask(text), error, hasToken: true };
  if (error !== undefined) return { text: secrets.mask(JSON.stringify({ ...members, error })), error, hasToken: false };
  return { text: isSuccess ? JSON.stringify(members) : secrets.mask(text), ...nothing };
}

/** What was granted, without what the SDK would take offence at: the refresh token before it is spent, and the login would be lost. */
function tokensOf(members: Readonly<Record<string, unknown>>): object {
  const { token_type, scope, id_token, refresh_token, expires_in, ...rest } = members;
  const seconds = Number(expires_in);
  const scopes = Array.isArray(scope) ? scope.join(" ") : scope;
  return {
    ...rest,
    token_type: typeof token_type === "string" ? token_type : "Bearer",
    ...(typeof scopes === "string" && { scope: scopes }),
    ...(typeof id_token === "string" && { id_token }),
    // An empty one would take the place of the one that is still good.
    ...(typeof refresh_token === "string" && refresh_token !== "" && { refresh_token }),
    ...(seconds > 0 && { expires_in: seconds }),
  };
}

/** Looks up host names, and refuses addresses that must not be asked; throws where the URL itself names one. */
async function guardedLookup(url: URL, { origins, metadataUrl }: OAuthFetchOptions): Promise<LookupFunction> {
  const isMetadata = url.href === metadataUrl?.href;
  const refused = (): Error => new Error("it has a private address; allowedAuthOrigins can allow it");
  const literal = literalAddress(url);
  if (literal !== undefined && !(await origins.mayAsk(url, literal, isMetadata))) throw refused();
  return (hostname, lookupOptions, callback) => {
    lookupAddress(hostname, { ...lookupOptions, all: true }, (error, found) => {
      if (error !== null) return callback(error, "", 0);
      Promise.all(found.map(({ address }) => origins.mayAsk(url, address, isMetadata))).then(
        (all) => {
          const [first] = found;
          if (first === undefined || all.includes(false)) callback(refused(), "", 0);
          else if (lookupOptions.all === true) callback(null, found);
          else callback(null, first.address, isIP(first.address));
        },
        (cause: unknown) => callback(cause instanceof Error ? cause : refused(), "", 0),
      );
    });
  };
}
