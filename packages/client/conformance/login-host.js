// The host's part in the auth scenarios of the conformance suite: it keeps tokens, and "the user" agrees to everything at once.
import {
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  DpopSession,
  PrivateKeyJwtProvider,
  requestJwtAuthorizationGrant,
} from "@modelcontextprotocol/client";
import { MinionClient } from "../dist/index.js";

/** How often a user comes back from a login before a host gives up. */
const maxLogins = 3;

/** Lists the tools of the protected server at `url` and calls each, logging in as often as it takes. */
export async function beLoginHost(url, scenario, context) {
  const authProvider = providerFor(scenario, context);
  const client = new MinionClient({ servers: { test: { url, authProvider } } });
  let logins = 0;
  const loggedIn = async (call) => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const back = authProvider.takeAnswer?.();
        if (error.code !== "ERR_MCP_AUTHORIZATION" || back === undefined || logins === maxLogins) throw error;
        logins += 1;
        await client.finishAuth("test", back);
      }
    }
  };
  try {
    const tools = await loggedIn(() => client.listTools("test"));
    for (const { name } of tools) console.log(JSON.stringify(await loggedIn(() => client.callTool("test", name))));
  } finally {
    await client.close();
  }
}

function providerFor(scenario, context) {
  const { client_id: clientId, client_secret: clientSecret } = context;
  switch (scenario) {
    case "auth/client-credentials-basic":
      return new ClientCredentialsProvider({ clientId, clientSecret });
    case "auth/client-credentials-jwt":
      return new PrivateKeyJwtProvider({
        clientId,
        privateKey: context.private_key_pem,
        algorithm: context.signing_algorithm,
      });
    case "auth/enterprise-managed-authorization":
      return new CrossAppAccessProvider({
        clientId,
        clientSecret,
        assertion: async ({ authorizationServerUrl, resourceUrl, scope, fetchFn }) => {
          const { jwtAuthGrant } = await requestJwtAuthorizationGrant({
            tokenEndpoint: context.idp_token_endpoint,
            audience: authorizationServerUrl,
            resource: resourceUrl,
            idToken: context.idp_id_token,
            clientId: context.idp_client_id,
            scope,
            fetchFn,
          });
          return jwtAuthGrant;
        },
      });
    case "auth/wif-jwt-bearer":
      return new WorkloadProvider(context);
    default:
      return new HostProvider(context, scenario.startsWith("auth/dpop") ? DpopSession.create() : undefined);
  }
}

class HostProvider {
  clientMetadataUrl = "https://conformance-test.local/client-metadata.json";
  redirectUrl = "http://localhost:3000/callback";
  clientMetadata = {
    client_name: "minion",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };
  #client;
  #tokens;
  #verifier;
  #answer;
  #dpop;

  constructor({ client_id, client_secret, issuer }, dpop) {
    this.#client = client_id && { client_id, client_secret, ...(issuer && { issuer }) };
    this.#dpop = dpop;
  }

  dpop() {
    return this.#dpop;
  }

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens) {
    this.#tokens = tokens;
  }

  codeVerifier() {
    return this.#verifier;
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  invalidateCredentials(what) {
    if (what === "all" || what === "tokens") this.#tokens = undefined;
    if (what === "all" || what === "client") this.#client = undefined;
  }

  async redirectToAuthorization(url) {
    const { headers } = await fetch(url, { redirect: "manual" });
    this.#answer = new URL(headers.get("location")).searchParams;
  }

  /** What the user came back with, once. */
  takeAnswer() {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }
}

/** A workload that presents the token of its platform. */
class WorkloadProvider extends HostProvider {
  redirectUrl = undefined;
  clientMetadataUrl = undefined;
  clientMetadata = { redirect_uris: [], grant_types: ["urn:ietf:params:oauth:grant-type:jwt-bearer"] };
  #assertion;

  constructor(context) {
    super(context);
    this.#assertion = context.valid_jwt;
  }

  prepareTokenRequest(scope) {
    const grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    return new URLSearchParams({ grant_type, assertion: this.#assertion, ...(scope && { scope }) });
  }
}
