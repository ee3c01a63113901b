import { auth, extractWWWAuthenticateParams, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Failure } from "../failure.js";
import type { SendHttp } from "./http-sockets.js";

/**
 * Puts the OAuth of SDK v1 in front of `send`: every request carries the provider's token, and one that is refused for want
 * of a token is sent once more where the provider got one. A token that the configuration gives stands above the provider's.
 */
export function withSdkAuth(send: SendHttp, provider: OAuthClientProvider, serverUrl: URL): SendHttp {
  return async (url, request) => {
    const authorized = async (): ReturnType<SendHttp> => {
      const tokens = await tokensOf(provider);
      const given = tokens === undefined ? {} : { authorization: `Bearer ${tokens.access_token}` };
      return send(url, { ...request, headers: { ...given, ...request.headers } });
    };
    const response = await authorized();
    const { statusCode: status = 0, headers } = response;
    const challenge = headers["www-authenticate"];
    const wantsScope = status === 403 && challenge?.includes("insufficient_scope") === true;
    if (status !== 401 && !wantsScope) return response;
    response.resume();
    const asked = new Response(null, {
      status,
      ...(challenge !== undefined && { headers: { "www-authenticate": challenge } }),
    });
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(asked);
    try {
      const result = await auth(provider, {
        serverUrl,
        ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
        ...(scope !== undefined && { scope }),
      });
      if (result !== "AUTHORIZED") throw new Error("the user has to log in first");
    } catch (cause) {
      throw new Failure("http", `the server answered with HTTP status ${status}`, {
        delivery: "not-sent",
        status,
        cause,
      });
    }
    return authorized();
  };
}

async function tokensOf(provider: OAuthClientProvider): Promise<Awaited<ReturnType<OAuthClientProvider["tokens"]>>> {
  try {
    return await provider.tokens();
  } catch (cause) {
    throw new Failure("application", "its authProvider failed", { delivery: "not-sent", cause });
  }
}
