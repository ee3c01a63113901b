import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { Cancellation } from "../cancellation.js";
import { orAborted } from "../session/abort.js";
import type { Failure } from "../session/failure.js";
import type { Challenge } from "../session/http/challenge.js";
import type { SendHttp } from "../session/http/http-sockets.js";
import { forget } from "../session/quietly.js";
import type { Secrets } from "../session/redact.js";
import { applicationFailure, needsLogin } from "./authorization-failure.js";
import { finishLogin } from "./finish-login.js";
import { Flight } from "./flight.js";
import { oauthFetch } from "./oauth-fetch.js";
import type { OAuthOrigins } from "./oauth-origins.js";
import { RefreshTokens } from "./refresh-tokens.js";
import { type LoginMemory, standIn } from "./stand-in.js";
import { type Tokens, tokensOf } from "./tokens-of.js";

type Sdk = typeof import("@modelcontextprotocol/client");

/** How long a token is taken to live that does not say so. */
const defaultLifetimeMs = 300_000;

/** How the answer to a challenge ends: there is another token, or the user has to log in. */
type Outcome = "authorized" | "login";

/** A login that the user was sent to and has not come back from. */
interface PendingLogin {
  /** The access token that was refused; undefined where there was none. */
  readonly refused: string | undefined;
  readonly challenge: Challenge;
  /** By which the answer is known to belong to it; undefined where the provider uses none. */
  readonly state: string | undefined;
}

/** What an {@link Authorization} is made of. */
export interface AuthorizationOptions {
  readonly provider: OAuthClientProvider;
  readonly serverUrl: URL;
  readonly origins: OAuthOrigins;
  readonly secrets: Secrets;
  readonly send: SendHttp;
}

/**
 * The login of one principal at one server. Whoever is refused for want of a token comes here: one answers the challenge,
 * the others wait for what comes of it. A challenge once answered is not answered again until a token was accepted; a scope
 * is asked for once.
 *
 * The SDK's `auth()` does the steps of OAuth; it is loaded when it is needed first, as most programs have tokens already.
 */
export class Authorization {
  readonly provider: OAuthClientProvider;
  readonly #options: AuthorizationOptions;
  readonly #memory: LoginMemory = { discovery: undefined, unsaved: undefined };
  readonly #refreshTokens = new RefreshTokens();
  #flight: Flight<Outcome> | undefined;
  #finishing: Promise<void> | undefined;
  #login: PendingLogin | undefined;
  /** What the last challenge was answered with, until the server accepts it, or it can have expired unused. */
  #unproven: { readonly token: string | undefined; readonly until: number } | undefined;
  /** All scopes that were asked for so far. */
  #scope: string | undefined;
  /** Those that were asked for because a server wanted more than it had been given. */
  readonly #steppedUpTo = new Set<string>();
  #metadataUrl: URL | undefined;

  constructor(options: AuthorizationOptions) {
    this.provider = options.provider;
    this.#options = options;
  }

  /** Whether there is something to remember. */
  get isBusy(): boolean {
    return [this.#flight, this.#finishing, this.#login, this.#memory.unsaved].some((one) => one !== undefined);
  }

  get isLoginPending(): boolean {
    return this.#login !== undefined;
  }

  /** The tokens to send a request with. Rejects with a `Failure` where the user has to log in first, or with `signal.reason`. */
  async tokens(signal: Cancellation): Promise<Tokens> {
    if (this.#finishing !== undefined) await orAborted(this.#finishing, signal);
    if (this.#flight !== undefined) await this.#flight.join(signal);
    const tokens = await orAborted(this.#current(), signal);
    const login = this.#login;
    const isOther = tokens !== undefined && tokens.access_token !== login?.refused;
    if (login?.challenge.status === 401 && !isOther) throw needsLogin(login.challenge);
    return tokens;
  }

  /**
   * Answers a challenge, or waits for whoever does. Resolves with whether the request is to be sent again, with the tokens
   * that there are now; rejects as {@link tokens}.
   */
  async answer(refused: string | undefined, challenge: Challenge, signal: Cancellation): Promise<boolean> {
    if (this.#flight === undefined && !this.#mayAnswer(refused, challenge)) return false;
    this.#flight ??= this.#begin(refused, challenge);
    const outcome = await this.#flight.join(signal);
    if (outcome === "login") throw needsLogin(challenge);
    return true;
  }

  /** The server has taken a request with that token. */
  accepted(token: string | undefined): void {
    if (token === this.#unproven?.token) this.#unproven = undefined;
    const login = this.#login;
    // A token that lacks a scope is good for other requests.
    if (login !== undefined && (login.challenge.status === 401 || login.refused !== token)) this.#login = undefined;
  }

  /** Ends a login with what the user came back with. Rejects with an error that says why it cannot be. */
  finish(params: URLSearchParams): Promise<void> {
    const finishing = this.#finish(params);
    this.#finishing = finishing
      .catch(() => {})
      .then(() => {
        this.#finishing = undefined;
      });
    return finishing;
  }

  #mayAnswer(refused: string | undefined, challenge: Challenge): boolean {
    // What was got for the last challenge does not satisfy the server: neither would what is got for this one.
    const got = this.#unproven;
    if (challenge.status === 401) return got === undefined || refused !== got.token || performance.now() >= got.until;
    return challenge.scope !== undefined && !this.#steppedUpTo.has(scopeKey(challenge.scope));
  }

  async #noteAnswer(): Promise<void> {
    const tokens = await this.#current();
    const lifetimeMs = 1_000 * (tokens?.expires_in ?? 0);
    // What is left of it, by the provider's own clock, may be less than nothing.
    const until = performance.now() + (lifetimeMs > 0 ? lifetimeMs : defaultLifetimeMs);
    this.#unproven = { token: tokens?.access_token, until };
  }

  #begin(refused: string | undefined, challenge: Challenge): Flight<Outcome> {
    const late = (): Outcome => {
      // The provider is not done with sending the user off, who may come back all the same.
      if (this.#login?.challenge === challenge) return "login";
      throw this.#failed(new Error("no answer came in time"), challenge);
    };
    const flight = new Flight((signal) => this.#answerOnce(refused, challenge, signal), late);
    const end = (): void => {
      if (this.#flight === flight) this.#flight = undefined;
    };
    flight.promise.then(end, end);
    return flight;
  }

  async #answerOnce(refused: string | undefined, challenge: Challenge, signal: AbortSignal): Promise<Outcome> {
    const { provider, origins } = this.#options;
    const current = await this.#current();
    if (current?.access_token !== refused) return "authorized";
    const sdk = await loadSdk();
    signal.throwIfAborted();
    const isStepUp = challenge.status === 403;
    const scope = sdk.computeScopeUnion(this.#scope, isStepUp ? current?.scope : undefined, challenge.scope);
    this.#metadataUrl = origins.metadataUrl(challenge.resourceMetadata) ?? this.#metadataUrl;
    if (isStepUp) this.#steppedUpTo.add(scopeKey(challenge.scope ?? ""));
    try {
      if (provider.discoveryState !== undefined) await provider.invalidateCredentials?.("discovery");
      const onRedirect = (url: URL): void => {
        signal.throwIfAborted();
        this.#login = { refused, challenge, state: url.searchParams.get("state") ?? undefined };
        this.#flight?.waitForUser();
      };
      const result = await sdk.auth(this.#standIn("renew", onRedirect), {
        serverUrl: this.#options.serverUrl,
        ...this.#authOptions(sdk, signal),
        ...(scope !== undefined && { scope }),
        forceReauthorization: isStepUp && sdk.isStrictScopeSuperset(scope, current?.scope),
      });
      signal.throwIfAborted();
      this.#scope = scope;
      // The user may have come back already.
      if (result === "REDIRECT" && this.#login !== undefined) return "login";
      await this.#noteAnswer();
      this.#login = undefined;
      return "authorized";
    } catch (error) {
      if (isStepUp && !signal.aborted) this.#steppedUpTo.delete(scopeKey(challenge.scope ?? ""));
      // It was not possible to send the user off.
      if (this.#login?.challenge === challenge && !signal.aborted) this.#login = undefined;
      throw this.#failed(error, challenge);
    }
  }

  #failed(error: unknown, challenge: Challenge): Failure {
    return applicationFailure("its authorization failed", error, this.#options.secrets, challenge);
  }

  async #finish(params: URLSearchParams): Promise<void> {
    const sdk = await loadSdk();
    const login = this.#login;
    const run = async (signal: AbortSignal): Promise<void> => {
      await finishLogin(params, {
        sdk,
        provider: this.#standIn("finish", () => {}),
        serverUrl: this.#options.serverUrl,
        secrets: this.#options.secrets,
        state: login?.state,
        options: this.#authOptions(sdk, signal),
        onEnded: (isGranted) => this.#loginEnded(isGranted),
      });
      await this.#noteAnswer();
    };
    const late = (): never => {
      throw new Error("no answer came in time");
    };
    await new Flight(run, late).promise;
    // Whoever waits for something older has a better token now.
    this.#flight?.end("authorized");
  }

  /** Whoever was not granted scopes may ask again; a new login may be granted what the one before was not. */
  #loginEnded(isGranted: boolean): void {
    const { status, scope = "" } = this.#login?.challenge ?? {};
    if (status === 401) this.#steppedUpTo.clear();
    else if (!isGranted) this.#steppedUpTo.delete(scopeKey(scope));
    this.#login = undefined;
  }

  #standIn(purpose: "renew" | "finish", onRedirect: (url: URL) => void): OAuthClientProvider {
    const { provider, secrets } = this.#options;
    return standIn({
      provider,
      secrets,
      purpose,
      memory: this.#memory,
      refreshTokens: this.#refreshTokens,
      onRedirect,
    });
  }

  #authOptions(sdk: Sdk, signal: AbortSignal): Pick<Parameters<Sdk["auth"]>[1], "fetchFn" | "resourceMetadataUrl"> {
    const { send, origins, secrets } = this.#options;
    const metadataUrl = this.#metadataUrl;
    const outOfOrder = (message: string): Error =>
      new sdk.OAuthError(sdk.OAuthErrorCode.TemporarilyUnavailable, message);
    const refreshTokens = this.#refreshTokens;
    const fetchFn = oauthFetch({ send, origins, secrets, refreshTokens, outOfOrder, metadataUrl, signal });
    return { fetchFn, ...(metadataUrl !== undefined && { resourceMetadataUrl: metadataUrl }) };
  }

  /** Tokens that could not be saved are saved first: they are the only ones that are good. */
  async #current(): Promise<Tokens> {
    const { provider, secrets } = this.#options;
    const { unsaved } = this.#memory;
    try {
      if (unsaved !== undefined) {
        await provider.saveTokens(unsaved);
        if (this.#memory.unsaved === unsaved) this.#memory.unsaved = undefined;
        if (unsaved.refresh_token !== undefined) this.#refreshTokens.keep(unsaved.refresh_token);
      }
      const tokens = await tokensOf(provider, secrets);
      return tokens?.access_token === "" ? undefined : tokens;
    } catch (error) {
      throw applicationFailure("its authProvider failed", error, secrets);
    }
  }
}

let sdk: Promise<Sdk> | undefined;

function loadSdk(): Promise<Sdk> {
  if (sdk === undefined) {
    sdk = import("@modelcontextprotocol/client");
    forget(sdk);
  }
  return sdk;
}

function scopeKey(scope: string): string {
  return [...new Set(scope.split(" "))]
    .filter((one) => one !== "")
    .sort()
    .join(" ");
}
