import type { IncomingMessage } from "node:http";
import type { DpopSession, StoredOAuthTokens } from "@modelcontextprotocol/client";
import type { Cancellation } from "../cancellation.js";
import { orAborted } from "../session/abort.js";
import { challengeOf } from "../session/http/challenge.js";
import type { HttpRequest, SendHttp } from "../session/http/http-sockets.js";
import type { Secrets } from "../session/redact.js";
import type { Authorization } from "./authorization.js";
import { applicationFailure } from "./authorization-failure.js";

/** Each time there is another token. A server that refuses every one of them is not asked forever. */
const maxAttempts = 5;

/**
 * Puts a login in front of `send`: every request carries the token that there is when it goes out, and one that is refused
 * for want of one is sent again once there is another. A token that the configuration gives stands above all that.
 */
export function authorizedSend(
  send: SendHttp,
  find: (signal: Cancellation) => Promise<Authorization>,
  { origin, secrets }: { readonly origin: string; readonly secrets: Secrets },
): SendHttp {
  return async (url, request) => {
    if (request.headers.authorization !== undefined || url.origin !== origin) return send(url, request);
    const { signal } = request;
    for (let attempt = 1; ; attempt += 1) {
      request.onWaiting?.();
      const authorization = await find(signal);
      const tokens = await authorization.tokens(signal);
      const response = await sendWith(send, url, request, { tokens, authorization, secrets });
      const challenge = challengeOf(response);
      if (challenge?.status !== 401) authorization.accepted(tokens?.access_token);
      // The request that ends a session is not worth a login.
      if (challenge === undefined || attempt === maxAttempts || request.method === "DELETE") return response;
      request.onWaiting?.();
      try {
        if (!(await authorization.answer(tokens?.access_token, challenge, signal))) return response;
      } catch (error) {
        response.destroy();
        throw error;
      }
      response.resume();
    }
  };
}

interface Credentials {
  readonly tokens: StoredOAuthTokens | undefined;
  readonly authorization: Authorization;
  readonly secrets: Secrets;
}

async function sendWith(
  send: SendHttp,
  url: URL,
  request: HttpRequest,
  { tokens, authorization: { provider }, secrets }: Credentials,
): Promise<IncomingMessage> {
  if (tokens === undefined) return send(url, request);
  const { access_token: token, token_type: type } = tokens;
  let session: DpopSession | undefined;
  const credentials = async (): Promise<Record<string, string>> => {
    try {
      session = type?.toLowerCase() === "dpop" ? await provider.dpop?.() : undefined;
      if (session === undefined) return { authorization: `Bearer ${token}` };
      const dpop = await session.buildProof({ htm: request.method, htu: url, accessToken: token });
      return { authorization: `DPoP ${token}`, dpop };
    } catch (error) {
      throw applicationFailure("its authProvider failed", error, secrets);
    }
  };
  const signed = async (): Promise<IncomingMessage> =>
    send(url, { ...request, headers: { ...request.headers, ...(await orAborted(credentials(), request.signal)) } });
  const response = await signed();
  const nonce = response.headers["dpop-nonce"];
  if (session === undefined || typeof nonce !== "string") return response;
  session.rememberNonce(url, nonce);
  const wantsNonce = response.statusCode === 401 && /use_dpop_nonce/i.test(response.headers["www-authenticate"] ?? "");
  if (!wantsNonce) return response;
  response.resume();
  return signed();
}
