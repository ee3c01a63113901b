import type { OAuthClientProvider, OAuthDiscoveryState, StoredOAuthTokens } from "@modelcontextprotocol/client";
import type { Secrets } from "../session/redact.js";
import type { RefreshTokens } from "./refresh-tokens.js";
import { noteTokens, tokensOf } from "./tokens-of.js";

/** What is remembered of a login beside the provider, which need not remember it. */
export interface LoginMemory {
  /** Where the authorization server was found. */
  discovery: OAuthDiscoveryState | undefined;
  /** Tokens that were got and that the provider failed to save. */
  unsaved: StoredOAuthTokens | undefined;
}

/** How a stand-in differs from its provider. */
export interface StandInOptions {
  readonly provider: OAuthClientProvider;
  readonly memory: LoginMemory;
  readonly secrets: Secrets;
  readonly refreshTokens: RefreshTokens;
  /**
   * `renew`: the authorization server is looked for again, as it may be another one by now. `finish`: it must be the one
   * that the user was sent to, and a code that it refuses says nothing of the tokens that there are.
   */
  readonly purpose: "renew" | "finish";
  /** Called before the provider sends the user to `url`. */
  readonly onRedirect: (url: URL) => void;
}

/**
 * A provider as the SDK's steps see it. Its methods are called on the provider itself, which may have private fields; every
 * secret is known to the gate before it is used, and a refresh token is presented once.
 */
export function standIn(options: StandInOptions): OAuthClientProvider {
  const { provider, memory, secrets, refreshTokens, purpose, onRedirect } = options;
  const own: Partial<OAuthClientProvider> = {
    tokens: async (context) => {
      const tokens = await tokensOf(provider, secrets, context);
      if (tokens === undefined) return undefined;
      const { refresh_token: refreshToken, ...rest } = tokens;
      return refreshToken === undefined || refreshTokens.isSpent(refreshToken) ? rest : tokens;
    },
    saveTokens: async (tokens, context) => {
      noteTokens(tokens, secrets);
      memory.unsaved = tokens;
      await provider.saveTokens(tokens, context);
      memory.unsaved = undefined;
      if (tokens.refresh_token !== undefined) refreshTokens.keep(tokens.refresh_token);
    },
    clientInformation: async (context) => {
      const client = (await provider.clientInformation(context)) ?? undefined;
      if (client === undefined) return undefined;
      // Anything else would be saved, and sent, as a client.
      const id: unknown = Reflect.get(Object(client), "client_id");
      if (typeof id !== "string" || id === "") throw new TypeError("clientInformation() gave no client_id");
      noteClient(client, secrets);
      return client;
    },
    codeVerifier: async () => {
      const verifier = await provider.codeVerifier();
      secrets.addChanging(verifier, "code_verifier");
      return verifier;
    },
    saveCodeVerifier: async (verifier) => {
      secrets.addChanging(verifier, "code_verifier");
      await provider.saveCodeVerifier(verifier);
    },
    redirectToAuthorization: async (url) => {
      onRedirect(url);
      await provider.redirectToAuthorization(url);
    },
    discoveryState: async () => {
      if (purpose === "renew") return undefined;
      return (await provider.discoveryState?.()) ?? memory.discovery;
    },
    ...((purpose === "renew" || memory.discovery !== undefined || provider.saveDiscoveryState !== undefined) && {
      saveDiscoveryState: async (state: OAuthDiscoveryState) => {
        memory.discovery = state;
        await provider.saveDiscoveryState?.(state);
      },
    }),
    ...(provider.saveClientInformation !== undefined && {
      saveClientInformation: async (...[client, context]: Parameters<typeof provider.saveClientInformation>) => {
        noteClient(client, secrets);
        await provider.saveClientInformation?.(client, context);
      },
    }),
    ...(purpose === "finish" && {
      invalidateCredentials: async (
        ...[what]: Parameters<NonNullable<OAuthClientProvider["invalidateCredentials"]>>
      ) => {
        if (what !== "tokens") await provider.invalidateCredentials?.(what);
      },
    }),
  };
  return new Proxy<OAuthClientProvider>(Object.create(null), {
    get: (_, key) => {
      if (Object.hasOwn(own, key)) return Reflect.get(own, key);
      const value: unknown = Reflect.get(provider, key);
      return typeof value === "function" ? value.bind(provider) : value;
    },
  });
}

function noteClient(client: object, secrets: Secrets): void {
  for (const name of ["client_secret", "registration_access_token"]) {
    const value: unknown = Reflect.get(client, name);
    if (typeof value === "string") secrets.add(value, name);
  }
}
