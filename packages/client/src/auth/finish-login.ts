import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { Secrets } from "../session/redact.js";

type Sdk = typeof import("@modelcontextprotocol/client");
type AuthOptions = Parameters<Sdk["auth"]>[1];

/** What a login is finished with. */
export interface FinishOptions {
  readonly sdk: Sdk;
  readonly provider: OAuthClientProvider;
  readonly serverUrl: URL;
  readonly secrets: Secrets;
  /** What the user was sent away with; undefined where that is not known here. */
  readonly state: string | undefined;
  readonly options: Pick<AuthOptions, "fetchFn" | "resourceMetadataUrl">;
  /** Called when the login is over, well or not: not where the parameters are none of its own. */
  readonly onEnded: (isGranted: boolean) => void;
}

/**
 * Redeems the code that a user came back with from the authorization server, which `iss` names (RFC 9207). Parameters that are not
 * an answer to the login end nothing: whoever can have a browser open a URL could send them.
 */
export async function finishLogin(params: URLSearchParams, login: FinishOptions): Promise<void> {
  const { sdk, provider, serverUrl, secrets, state, options, onEnded } = login;
  if (state !== undefined && params.get("state") !== state)
    throw new Error("its state is not that of the login that was begun");
  const iss = params.get("iss") ?? undefined;
  const authorizationCode = params.get("code") ?? undefined;
  if (authorizationCode === undefined) {
    await checkIssuer(iss, login);
    onEnded(false);
    const said = [params.get("error"), params.get("error_description")].filter((one) => one !== null).join(": ");
    throw new Error(
      said === "" ? "there is neither a code nor an error in it" : `the answer was ${secrets.clean(said, 300)}`,
    );
  }
  secrets.addChanging(authorizationCode, "code");
  try {
    await sdk.auth(provider, { serverUrl, authorizationCode, ...(iss !== undefined && { iss }), ...options });
    onEnded(true);
  } catch (error) {
    // The authorization server has refused the code: there is no other.
    if (error instanceof sdk.OAuthError) onEnded(false);
    throw error;
  }
}

/** What says that it failed may be shown, and believed, only where it comes from the authorization server. */
async function checkIssuer(
  iss: string | undefined,
  { sdk, provider, serverUrl, options }: FinishOptions,
): Promise<void> {
  const known = await provider.discoveryState?.();
  const { authorizationServerMetadata: metadata } = known ?? (await sdk.discoverOAuthServerInfo(serverUrl, options));
  if (metadata === undefined) throw new Error("the authorization server it comes from cannot be found out");
  sdk.validateAuthorizationResponseIssuer({
    iss,
    expectedIssuer: metadata.issuer,
    issParameterSupported: metadata.authorization_response_iss_parameter_supported === true,
  });
}
