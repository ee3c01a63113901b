import { createHash, timingSafeEqual } from "node:crypto";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { GatewayAuth, Principal } from "./gateway-options.js";
import { isRecord } from "./is-record.js";

type Verify = GatewayAuth["verify"];

/** Accepts the given keys as bearer tokens, each for the principal that it belongs to. Only their hashes are kept. */
export function verifyKeys(keys: Readonly<Record<string, string>>): Verify {
  const known = Object.entries(keys).map(([id, key]) => ({ id, hash: hashOf(key) }));
  return async (token) => {
    const hash = hashOf(token);
    // All of them are compared, so that the time says nothing of which one it is.
    const matches = known.filter((one) => timingSafeEqual(one.hash, hash));
    const [match] = matches;
    if (match === undefined) throw new Error("The key is unknown");
    return { id: match.id, scopes: [] };
  };
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Which tokens {@link verifyJwt} accepts. */
export interface JwtRules {
  /** Who must have issued them. */
  readonly issuer: string;
  /** What they must be made for: this gateway. */
  readonly resource: string;
  /** Where the keys of the issuer are. Default: where its metadata says. */
  readonly jwksUri?: string | undefined;
}

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/**
 * Accepts JWTs that the issuer has signed for this gateway and that have not expired, with 5 seconds of tolerance. The
 * principal is `sub`. The issuer's keys are fetched when they are first needed, and at most every 30 seconds for a key that
 * is not known.
 */
export function verifyJwt({ issuer, resource, jwksUri }: JwtRules): Verify {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const fetchKeys = async (): Promise<JWTVerifyGetKey> =>
    createRemoteJWKSet(new URL(jwksUri ?? (await discoverJwksUri(issuer))));
  const getKey: JWTVerifyGetKey = async (header, token) => {
    keys ??= fetchKeys();
    let find: JWTVerifyGetKey;
    try {
      find = await keys;
    } catch (error) {
      keys = undefined;
      throw notNow(error);
    }
    try {
      return await find(header, token);
    } catch (error) {
      throw saysNoKey.some((kind) => error instanceof kind) ? error : notNow(error);
    }
  };
  return async (token) => {
    const { payload } = await jwtVerify(token, getKey, {
      issuer,
      audience: resource,
      algorithms,
      clockTolerance: 5,
      requiredClaims: ["exp", "sub"],
    });
    return principalOf(payload);
  };
}

/** What is wrong with a token where the issuer's keys are known. */
const saysNoKey = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/** Whether a token is good cannot be told now: the keys of its issuer cannot be had. */
function notNow(cause: unknown): Error {
  return Object.assign(new Error("The issuer's keys cannot be fetched", { cause }), { retryAfterMs: 5_000 });
}

function principalOf(payload: Readonly<Record<string, unknown>>): Principal {
  const { sub, scope, scp } = payload;
  if (typeof sub !== "string" || sub === "") throw new Error("The token has no sub");
  if (typeof scope === "string") return { id: sub, scopes: scope.split(" ").filter((one) => one !== "") };
  return { id: sub, scopes: Array.isArray(scp) ? scp.filter((one) => typeof one === "string") : [] };
}

/** Finds the keys of an issuer by its metadata, as RFC 8414 or OpenID has it. */
async function discoverJwksUri(issuer: string): Promise<string> {
  const base = new URL(issuer);
  const path = base.pathname.replace(/\/$/, "");
  const places = [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`];
  for (const place of places) {
    const answer = await fetch(new URL(place, base), { redirect: "error", signal: AbortSignal.timeout(5_000) });
    const metadata: unknown = answer.ok ? await answer.json() : undefined;
    if (isRecord(metadata) && metadata.issuer === issuer && typeof metadata.jwks_uri === "string")
      return metadata.jwks_uri;
  }
  throw new Error(`The issuer ${issuer} has no metadata that names its keys`);
}
