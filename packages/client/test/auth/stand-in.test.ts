import type { OAuthClientProvider, OAuthDiscoveryState, OAuthTokens } from "@modelcontextprotocol/client";
import { expect, test } from "vitest";
import { RefreshTokens } from "../../src/auth/refresh-tokens.js";
import { type LoginMemory, type StandInOptions, standIn } from "../../src/auth/stand-in.js";
import { Secrets } from "../../src/session/redact.js";

const discovery: OAuthDiscoveryState = { authorizationServerUrl: "https://login.example/" };
const tokens: OAuthTokens = { access_token: "access-1234", token_type: "Bearer", refresh_token: "refresh-1234" };

/** A provider that has no member that it need not have. */
class SmallProvider implements OAuthClientProvider {
  readonly redirectUrl = "http://127.0.0.1/callback";
  readonly clientMetadata = { redirect_uris: [this.redirectUrl] };
  saved: OAuthTokens | undefined = tokens;
  failsToSave = false;
  #verifier = "verifier-1234";

  clientInformation(): { client_id: string; client_secret: string } {
    return { client_id: "one", client_secret: "client-secret-1234" };
  }

  tokens(): OAuthTokens | undefined {
    return this.saved;
  }

  saveTokens(given: OAuthTokens): void {
    if (this.failsToSave) throw new Error("the disk is full");
    this.saved = given;
  }

  redirectToAuthorization(): void {}

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }
}

function stand(provider: OAuthClientProvider, purpose: StandInOptions["purpose"], known?: OAuthDiscoveryState) {
  const memory: LoginMemory = { discovery: known, unsaved: undefined };
  const secrets = new Secrets();
  const refreshTokens = new RefreshTokens();
  const sentTo: URL[] = [];
  const onRedirect = (url: URL): void => void sentTo.push(url);
  const made = standIn({ provider, memory, secrets, refreshTokens, purpose, onRedirect });
  return { made, memory, secrets, refreshTokens, sentTo };
}

test("M16: what a provider gives out and is given is masked from then on, whatever an authorization server says", async () => {
  const { made, secrets } = stand(new SmallProvider(), "renew");
  await made.tokens();
  await made.clientInformation();
  await made.codeVerifier();
  await made.saveCodeVerifier("verifier-5678");
  await made.saveTokens({ access_token: "access-5678", token_type: "Bearer", id_token: "identity-5678" });
  const said = "access-1234 refresh-1234 client-secret-1234 verifier-1234 verifier-5678 access-5678 identity-5678";
  expect(secrets.mask(said)).toBe("*** *** *** *** *** *** ***");
});

test("M18: a refresh token that was presented is not given out again, and is once the server gave it out anew", async () => {
  const { made, refreshTokens } = stand(new SmallProvider(), "renew");
  expect(await made.tokens()).toEqual(tokens);
  refreshTokens.present("refresh-1234");
  expect(await made.tokens()).toEqual({ access_token: "access-1234", token_type: "Bearer" });
  await made.saveTokens(tokens);
  expect(await made.tokens()).toEqual(tokens);
});

test("M18: of the refresh tokens that were presented the latest 64 are remembered", () => {
  const refreshTokens = new RefreshTokens();
  for (let index = 0; index <= 64; index += 1) refreshTokens.present(`token ${index}`);
  expect(refreshTokens.isSpent("token 0")).toBe(false);
  expect(refreshTokens.isSpent("token 1")).toBe(true);
  expect(refreshTokens.isSpent("token 64")).toBe(true);
});

test("M18: a provider without tokens has none", async () => {
  const provider = new SmallProvider();
  provider.saved = undefined;
  expect(await stand(provider, "renew").made.tokens()).toBeUndefined();
});

test("M18: tokens that the provider failed to save are remembered until they are saved", async () => {
  const provider = new SmallProvider();
  const { made, memory } = stand(provider, "renew");
  provider.failsToSave = true;
  await expect(Promise.resolve(made.saveTokens(tokens))).rejects.toThrow("the disk is full");
  expect(memory.unsaved).toBe(tokens);
  provider.failsToSave = false;
  await made.saveTokens(tokens);
  expect(memory.unsaved).toBeUndefined();
});

test("M18: a login is finished at the authorization server that the user was sent to, a renewal looks for it again", async () => {
  expect(await stand(new SmallProvider(), "finish", discovery).made.discoveryState?.()).toBe(discovery);
  expect(await stand(new SmallProvider(), "renew", discovery).made.discoveryState?.()).toBeUndefined();
  // What the provider itself remembers comes first.
  const own: OAuthDiscoveryState = { authorizationServerUrl: "https://other.example/" };
  const provider = Object.assign(new SmallProvider(), { discoveryState: () => own });
  expect(await stand(provider, "finish", discovery).made.discoveryState?.()).toBe(own);
});

test("M18: where the authorization server was found is remembered for a provider that does not remember it", async () => {
  const { made, memory } = stand(new SmallProvider(), "renew");
  await made.saveDiscoveryState?.(discovery);
  expect(memory.discovery).toBe(discovery);
  // Nothing to finish the login with, and nobody who would remember it: the SDK need not be told that somebody does.
  expect(stand(new SmallProvider(), "finish").made.saveDiscoveryState).toBeUndefined();
});

test("M18: a code that is refused takes no tokens away, and a renewal that is refused does as the provider says", async () => {
  const taken: string[] = [];
  const provider = Object.assign(new SmallProvider(), {
    invalidateCredentials: (what: string): void => void taken.push(what),
  });
  const { made } = stand(provider, "finish");
  await made.invalidateCredentials?.("tokens");
  expect(taken).toEqual([]);
  await made.invalidateCredentials?.("client");
  expect(taken).toEqual(["client"]);
  await stand(provider, "renew").made.invalidateCredentials?.("tokens");
  expect(taken).toEqual(["client", "tokens"]);
  // A provider that cannot forget anything is not asked to.
  await stand(new SmallProvider(), "finish").made.invalidateCredentials?.("client");
  expect(stand(new SmallProvider(), "renew").made.invalidateCredentials).toBeUndefined();
});

test("M18: a client that was registered is saved where the provider can, its secret known first", async () => {
  expect(stand(new SmallProvider(), "renew").made.saveClientInformation).toBeUndefined();
  const saved: object[] = [];
  const provider = Object.assign(new SmallProvider(), {
    saveClientInformation: (client: object): void => void saved.push(client),
  });
  const { made, secrets } = stand(provider, "renew");
  const client = { client_id: "two", client_secret: "secret-5678", registration_access_token: "registration-5678" };
  await made.saveClientInformation?.({ redirect_uris: ["http://127.0.0.1/callback"], ...client });
  expect(saved).toEqual([expect.objectContaining(client)]);
  expect(secrets.mask("secret-5678 registration-5678")).toBe("*** ***");
});

test("M18: who is sent off is told first, and what is not changed is the provider's own", async () => {
  const { made, sentTo } = stand(new SmallProvider(), "renew");
  await made.redirectToAuthorization(new URL("https://login.example/authorize"));
  expect(sentTo.map(String)).toEqual(["https://login.example/authorize"]);
  expect(made.redirectUrl).toBe("http://127.0.0.1/callback");
  expect(made.clientMetadata).toEqual({ redirect_uris: ["http://127.0.0.1/callback"] });
});
