import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import { AuthorizationError } from "../authorization-error.js";
import type { Target } from "../config/policy.js";
import type { HttpServer } from "../config/server-config.js";
import { Failure } from "../session/failure.js";
import type { SendHttp } from "../session/http/http-sockets.js";
import type { Secrets } from "../session/redact.js";
import { Authorization } from "./authorization.js";
import { applicationFailure } from "./authorization-failure.js";
import { authorizedSend } from "./authorized-send.js";
import { Flight } from "./flight.js";
import { OAuthOrigins } from "./oauth-origins.js";

const maxKept = 10_000;
const providerFailed = "its authProvider failed";
/** The origin for which each provider keeps tokens: they go to no other, whatever server it is given to. */
const originsOf = new WeakMap<OAuthClientProvider, string>();

/** What the {@link Authorizations} of a server are made of. */
export interface AuthorizationsOptions {
  readonly server: string;
  /** Where it is reached, by the numbers of its replicas. */
  readonly targets: readonly Target[];
  readonly secrets: Secrets;
  /** The sockets of a replica. */
  readonly send: (replica: number) => SendHttp;
}

/** The logins of one server: one for each principal, and for each of its replicas that has a provider. */
export class Authorizations {
  readonly #options: AuthorizationsOptions;
  readonly #known = new Map<string, Flight<Authorization>>();
  /** Those of `#known` that are there. */
  readonly #made = new Map<string, Authorization>();

  constructor(options: AuthorizationsOptions) {
    this.#options = options;
  }

  /** The way to a replica on behalf of a principal: with a login in front of it, where it has a provider. */
  send(replica: number, principal: string | undefined): SendHttp {
    const { targets, secrets, send } = this.#options;
    const target = targets[replica];
    if (!hasProvider(target)) return send(replica);
    const { origin } = new URL(target.url);
    return authorizedSend(send(replica), (signal) => this.#find(replica, target, principal).join(signal), {
      origin,
      secrets,
    });
  }

  /** Finishes a login with what the user came back with. Rejects with {@link AuthorizationError}. */
  async finish(params: URLSearchParams, principal: string | undefined): Promise<void> {
    const { server, targets, secrets } = this.#options;
    const withProvider = [...targets.entries()].filter((entry): entry is [number, Protected] => hasProvider(entry[1]));
    try {
      const all = await Promise.all(
        withProvider.map(([replica, target]) => this.#find(replica, target, principal).promise),
      );
      const authorization = all.find(({ isLoginPending }) => isLoginPending) ?? all[0];
      if (authorization === undefined) throw new Error("it has no authProvider");
      await authorization.finish(params);
    } catch (error) {
      const { message, cause } = applicationFailure("the login could not be finished", error, secrets);
      const why = cause instanceof Error ? `${message}: ${secrets.clean(cause.message)}` : message;
      throw new AuthorizationError(server, why, { cause });
    }
  }

  #find(replica: number, target: Protected, principal: string | undefined): Flight<Authorization> {
    const key = JSON.stringify([replica, principal ?? null]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const late = (): never => {
      throw applicationFailure(providerFailed, new Error("no answer came in time"), this.#options.secrets);
    };
    const making = new Flight(() => this.#make(replica, target, principal), late);
    this.#known.set(key, making);
    making.promise.then(
      (made) => this.#made.set(key, made),
      () => this.#known.delete(key),
    );
    this.#forgetOldest();
    return making;
  }

  async #make(replica: number, target: Protected, principal: string | undefined): Promise<Authorization> {
    const { server, secrets, send } = this.#options;
    const serverUrl = new URL(target.url);
    const { authProvider: given, allowedAuthOrigins = [] } = target;
    let provider: OAuthClientProvider;
    try {
      provider = typeof given === "function" ? await given({ server, principal }) : given;
      if (typeof provider?.tokens !== "function") throw new TypeError("it gave no OAuthClientProvider");
    } catch (error) {
      throw applicationFailure(providerFailed, error, secrets);
    }
    const origin = originsOf.get(provider) ?? serverUrl.origin;
    originsOf.set(provider, origin);
    if (origin !== serverUrl.origin) {
      const problem = `its authProvider keeps the tokens of ${origin}, which must go to no other origin: give it one of its own`;
      throw new Failure("application", problem, { delivery: "not-sent" });
    }
    const origins = new OAuthOrigins(serverUrl, allowedAuthOrigins);
    return new Authorization({ provider, serverUrl, origins, secrets, send: send(replica) });
  }

  /** Principals come and go: of very many, the first that have nothing to remember are forgotten. */
  #forgetOldest(): void {
    if (this.#known.size <= maxKept) return;
    for (const [key, { isBusy }] of this.#made) {
      if (isBusy) continue;
      this.#made.delete(key);
      this.#known.delete(key);
      return;
    }
  }
}

type Protected = HttpServer & { readonly authProvider: NonNullable<HttpServer["authProvider"]> };

function hasProvider(target: Target | undefined): target is Protected {
  return target !== undefined && "url" in target && target.authProvider !== undefined;
}
