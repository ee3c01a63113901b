import type { GatewayAuth } from "./gateway-options.js";
import { isRecord } from "./is-record.js";

/** How the gateway proves to a server on whose behalf it calls. */
export type CredentialRule =
  /** A token of each principal's own. */
  | { readonly type: "map"; readonly byPrincipal: Readonly<Record<string, string>> }
  /** The caller's token, exchanged for one that is made for the server (RFC 8693). */
  | {
      readonly type: "exchange";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly audience: string;
    };

interface Issued {
  readonly token: string;
  /** On the monotonic clock. */
  readonly until: number;
}

type Headers = Record<string, string>;

const exchangeTimeoutMs = 10_000;
/** A token is not used in the last of its life, since a request takes time. */
const marginMs = 30_000;
/** How long a token of which no life is told is used. */
const unknownLifeMs = 60_000;
/** As many principals are remembered; the one that came first is forgotten. */
const maxPrincipals = 10_000;

/**
 * The tokens by which servers are called on behalf of principals. A caller's own token goes to the token endpoint that the
 * configuration names and to nobody else; nothing is kept beyond the process.
 */
export class Credentials {
  readonly #rules: Readonly<Record<string, CredentialRule>>;
  /** The last good token of each principal, where any server needs one to exchange. */
  readonly #tokens = new Map<string, string>();
  readonly #issued = new Map<string, Promise<Issued>>();

  constructor(rules: Readonly<Record<string, CredentialRule>>) {
    this.#rules = rules;
  }

  /** The servers that have credentials of each principal's own. */
  get servers(): readonly string[] {
    return Object.keys(this.#rules);
  }

  /** What gives the headers of requests, by server. Each rejects, before anything is sent, where a principal has no token. */
  headers(): Readonly<Record<string, (context: { readonly principal: string | undefined }) => Promise<Headers>>> {
    return Object.fromEntries(
      Object.entries(this.#rules).map(([server, rule]) => [
        server,
        async ({ principal }) => ({ authorization: `Bearer ${await this.#tokenFor(server, rule, principal)}` }),
      ]),
    );
  }

  /** The same, but what it accepts can be exchanged from then on. */
  watching(auth: GatewayAuth): GatewayAuth {
    if (!Object.values(this.#rules).some(({ type }) => type === "exchange")) return auth;
    const verify: GatewayAuth["verify"] = async (token, request) => {
      const principal = await auth.verify(token, request);
      remember(this.#tokens, principal.id, token);
      return principal;
    };
    return { ...auth, verify };
  }

  async #tokenFor(server: string, rule: CredentialRule, principal: string | undefined): Promise<string> {
    if (principal === undefined)
      throw new Error(`Server "${server}" is called on behalf of a principal, and there is none`);
    if (rule.type === "map") {
      const token = Object.hasOwn(rule.byPrincipal, principal) ? rule.byPrincipal[principal] : undefined;
      if (token === undefined) throw new Error(`The principal has no credentials for server "${server}"`);
      return token;
    }
    const key = JSON.stringify([server, principal]);
    const known = this.#issued.get(key);
    const issued = await known?.catch(() => undefined);
    if (issued !== undefined && issued.until > performance.now()) return issued.token;
    // Another call may have begun to exchange meanwhile.
    const current = this.#issued.get(key);
    return (await (current !== undefined && current !== known ? current : this.#issue(key, rule, principal))).token;
  }

  #issue(key: string, rule: Extract<CredentialRule, { type: "exchange" }>, principal: string): Promise<Issued> {
    const subject = this.#tokens.get(principal);
    if (subject === undefined) return Promise.reject(new Error("The principal has no token that could be exchanged"));
    const issued = exchange(rule, subject);
    remember(this.#issued, key, issued);
    return issued;
  }
}

/** Puts an entry last, and forgets the first ones beyond {@link maxPrincipals}. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const [oldest] of map) {
    if (map.size <= maxPrincipals) return;
    map.delete(oldest);
  }
}

/** @throws Error without anything of a token in it */
async function exchange(
  { tokenUrl, clientId, clientSecret, audience }: Extract<CredentialRule, { type: "exchange" }>,
  subject: string,
): Promise<Issued> {
  const begin = performance.now();
  const answer = await fetch(tokenUrl, {
    method: "POST",
    redirect: "error",
    signal: AbortSignal.timeout(exchangeTimeoutMs),
    headers: {
      accept: "application/json",
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64")}`,
    },
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: subject,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      audience,
    }),
  });
  const body: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok || !isRecord(body) || typeof body.access_token !== "string")
    throw new Error(`The token endpoint ${new URL(tokenUrl).origin} exchanged no token: HTTP ${answer.status}`);
  const { access_token: token, expires_in: seconds } = body;
  const lifeMs = typeof seconds === "number" && seconds > 0 ? seconds * 1_000 - marginMs : unknownLifeMs;
  return { token, until: begin + lifeMs };
}
