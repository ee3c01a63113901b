import type { CredentialRule } from "./credentials.js";
import type { GatewayAuth } from "./gateway-options.js";
import { isRecord } from "./is-record.js";
import { type JwtRules, verifyJwt, verifyKeys } from "./tokens.js";

/** Who may come in. */
export type AuthConfig =
  | { readonly type: "keys"; readonly keys: Readonly<Record<string, string>>; readonly resource: string | undefined }
  | (JwtRules & { readonly type: "oauth"; readonly scopes: readonly string[] | undefined });

type Environment = Readonly<Record<string, string | undefined>>;
/** Ends the start: what is wrong with a key of the block that is read. */
type Fail = (key: string, problem: string) => never;

/** Reads who may come in. */
export function readAuth(value: unknown, env: Environment, fail: Fail): AuthConfig | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) return fail("", "it must be an object");
  const text = texts(env, fail);
  const optional = (key: string): string | undefined =>
    value[key] === undefined ? undefined : text(`.${key}`, value[key]);
  const known = { keys: ["type", "keys", "resource"], oauth: ["type", "issuer", "resource", "scopes", "jwksUri"] };
  if (value.type !== "keys" && value.type !== "oauth") return fail(".type", 'it must be "keys" or "oauth"');
  for (const key of Object.keys(value))
    if (!known[value.type].includes(key))
      fail(`.${key}`, `the key is unknown; known are ${known[value.type].join(", ")}`);
  if (value.type === "keys") {
    if (!isRecord(value.keys) || Object.keys(value.keys).length === 0)
      return fail(".keys", "it must be an object of keys by the names of their principals");
    const keys = Object.entries(value.keys).map(([name, key]) => [name, text(`.keys.${name}`, key)] as const);
    for (const [name, key] of keys) {
      if (!/^[!-~]+$/.test(key)) fail(`.keys.${name}`, "it has a character that no bearer token can have");
      const other = keys.find((one) => one[1] === key && one[0] !== name);
      if (other !== undefined) fail(`.keys.${name}`, `it is the key of ${other[0]} too`);
    }
    return { type: "keys", keys: Object.fromEntries(keys), resource: urlOf(".resource", optional("resource"), fail) };
  }
  const { scopes } = value;
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string")))
    return fail(".scopes", "it must be an array of strings");
  const [issuer, resource] = [text(".issuer", value.issuer), text(".resource", value.resource)];
  for (const [key, url] of Object.entries({ issuer, resource, jwksUri: optional("jwksUri") }))
    urlOf(`.${key}`, url, fail);
  return { type: "oauth", issuer, resource, jwksUri: optional("jwksUri"), scopes };
}

function urlOf(key: string, url: string | undefined, fail: Fail): string | undefined {
  return url === undefined || URL.canParse(url) ? url : fail(key, "it must be a URL");
}

/** Reads on whose behalf servers are called, and by which tokens. */
export function readCredentials(
  value: unknown,
  env: Environment,
  fail: Fail,
): Readonly<Record<string, CredentialRule>> {
  if (value === undefined) return {};
  if (!isRecord(value)) return fail("", "it must be an object by the names of servers");
  const text = texts(env, fail);
  const known: Readonly<Record<string, readonly string[]>> = {
    map: ["type", "byPrincipal"],
    exchange: ["type", "tokenUrl", "clientId", "clientSecret", "audience"],
  };
  const rules = Object.entries(value).map(([server, rule]): readonly [string, CredentialRule] => {
    const at = `.${server}`;
    if (!isRecord(rule)) return fail(at, "it must be an object");
    const keys = typeof rule.type === "string" && Object.hasOwn(known, rule.type) ? known[rule.type] : undefined;
    if (keys === undefined) return fail(`${at}.type`, 'it must be "map" or "exchange"');
    for (const key of Object.keys(rule))
      if (!keys.includes(key)) fail(`${at}.${key}`, `the key is unknown; known are ${keys.join(", ")}`);
    if (rule.type === "map") {
      if (!isRecord(rule.byPrincipal)) return fail(`${at}.byPrincipal`, "it must be an object of tokens by principal");
      const tokens = Object.entries(rule.byPrincipal).map(([name, token]) => [
        name,
        text(`${at}.byPrincipal.${name}`, token),
      ]);
      return [server, { type: "map", byPrincipal: Object.fromEntries(tokens) }];
    }
    const own = (key: string): string => text(`${at}.${key}`, rule[key]);
    const tokenUrl = own("tokenUrl");
    if (!URL.canParse(tokenUrl)) fail(`${at}.tokenUrl`, "it must be a URL");
    const [clientId, clientSecret, audience] = [own("clientId"), own("clientSecret"), own("audience")];
    return [server, { type: "exchange", tokenUrl, clientId, clientSecret, audience }];
  });
  return Object.fromEntries(rules);
}

/** What reads a text, with the variables that stand in it. */
function texts(env: Environment, fail: Fail): (key: string, found: unknown) => string {
  return (key, found) =>
    typeof found === "string" && found !== ""
      ? expand(found, env, (why) => fail(key, why))
      : fail(key, "it must be a non-empty string");
}

const bareName = /^(?:\$|%)([A-Za-z_]\w*)%?$/;

/**
 * Secrets stand in the environment, not in the file: `${env:NAME}` and `${NAME}`, with `:-default` where one is wanted. What
 * only looks like a variable is refused: as a key it would be one that everybody can guess.
 */
function expand(text: string, env: Environment, fail: (problem: string) => never): string {
  const [, bare] = bareName.exec(text) ?? [];
  if (bare !== undefined) return fail(`a variable is written \${env:${bare}}`);
  return text.replace(/\$\{([^}]*)\}?/g, (_, reference: string) => {
    const [, name, fallback] = /^(?:env:)?([A-Za-z_]\w*)(?::-([\s\S]*))?$/.exec(reference) ?? [];
    if (name === undefined) return fail(`it holds a variable that is none; one is written \${env:NAME}`);
    const value = (Object.hasOwn(env, name) ? env[name] : undefined) || fallback;
    return value === undefined || value === "" ? fail(`the environment variable ${name} is not set`) : value;
  });
}

/** The `auth` of a gateway whose own URL is known. */
export function gatewayAuth(auth: AuthConfig, own: string): GatewayAuth {
  if (auth.type === "keys")
    return { verify: verifyKeys(auth.keys), resource: new URL(auth.resource ?? own), authorizationServers: [] };
  return {
    verify: verifyJwt(auth),
    resource: new URL(auth.resource),
    authorizationServers: [new URL(auth.issuer)],
    scopes: auth.scopes,
  };
}
