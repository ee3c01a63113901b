import type {
  OAuthClientInformationContext,
  OAuthClientProvider,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import type { Secrets } from "../session/redact.js";

/** What a provider keeps of a login; undefined where there is none. */
export type Tokens = StoredOAuthTokens | undefined;

/**
 * The tokens that a provider has; the gate knows them from then on. An access token that is not there is `""`: what there is
 * may be a refresh token alone. Rejects with what the provider rejects with, and with a `TypeError` where it gives what are no tokens.
 */
export async function tokensOf(
  provider: OAuthClientProvider,
  secrets: Secrets,
  context?: OAuthClientInformationContext,
): Promise<Tokens> {
  const given: unknown = (await provider.tokens(context)) ?? undefined;
  if (given === undefined) return undefined;
  if (typeof given !== "object" || given === null) throw new TypeError(`tokens() gave a ${typeof given}`);
  const member = (name: string): string => {
    const value: unknown = Reflect.get(given, name) ?? "";
    if (typeof value !== "string") throw new TypeError(`tokens() gave a ${typeof value} as ${name}`);
    return value;
  };
  const [accessToken, refreshToken] = [member("access_token"), member("refresh_token")];
  if (accessToken === "" && refreshToken === "") return undefined;
  const tokenType = member("token_type") || "Bearer";
  noteTokens(given, secrets);
  // RFC 6749, A.12: anything else cannot be sent in a header.
  if (!/^[\x20-\x7e]*$/.test(accessToken)) throw new TypeError("tokens() gave an access_token that no header can hold");
  const tokens: StoredOAuthTokens = { ...given, access_token: accessToken, token_type: tokenType };
  const { refresh_token: _, ...rest } = tokens;
  return refreshToken === "" ? rest : { ...rest, refresh_token: refreshToken };
}

/** Tells the gate what the tokens are. */
export function noteTokens(tokens: object, secrets: Secrets): void {
  for (const name of ["access_token", "refresh_token", "id_token"]) {
    const token: unknown = Reflect.get(tokens, name);
    if (typeof token === "string") secrets.addChanging(token, "token");
  }
}
