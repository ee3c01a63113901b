// The clients that do OAuth by themselves, each with a provider as its documentation shows one.

const redirectUrl = "http://127.0.0.1:1/callback";

/** Keeps everything in memory, and fits all of these clients. */
export class Provider {
  redirectUrl = redirectUrl;
  clientMetadata = {
    client_name: "bench",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  redirects = [];
  #kept;

  constructor(kept) {
    this.#kept = kept;
  }

  state() {
    this.#kept.state = crypto.randomUUID();
    return this.#kept.state;
  }

  saveState(state) {
    this.#kept.state = state;
  }

  storedState() {
    return this.#kept.state;
  }

  tokens() {
    return this.#kept.tokens;
  }

  saveTokens(tokens) {
    this.#kept.tokens = tokens;
  }

  clientInformation() {
    return this.#kept.client;
  }

  saveClientInformation(client) {
    this.#kept.client = client;
  }

  authorizationServerInformation() {
    return this.#kept.server;
  }

  saveAuthorizationServerInformation(server) {
    this.#kept.server = server;
  }

  discoveryState() {
    return this.#kept.discovery;
  }

  saveDiscoveryState(discovery) {
    this.#kept.discovery = discovery;
  }

  codeVerifier() {
    return this.#kept.verifier;
  }

  saveCodeVerifier(verifier) {
    this.#kept.verifier = verifier;
  }

  redirectToAuthorization(url) {
    this.redirects.push(url);
  }

  invalidateCredentials(what) {
    const names = { client: ["client"], tokens: ["tokens"], verifier: ["verifier"], discovery: ["discovery"] };
    for (const name of names[what] ?? Object.keys(this.#kept)) delete this.#kept[name];
  }
}

/**
 * For each client: opens what calls go through; `finish` ends a login with the parameters that the user came back with.
 * Where a connection cannot be shared before it is there, every caller of `open` opens one of its own.
 */
export const authClients = {
  async "SDK v1"() {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { SSEClientTransport } = await import("@modelcontextprotocol/sdk/client/sse.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    return sdk({ Client, SSEClientTransport, StreamableHTTPClientTransport });
  },

  async "SDK v2"() {
    return sdk(await import("@modelcontextprotocol/client"));
  },

  async "@ai-sdk/mcp"() {
    const { auth, createMCPClient } = await import("@ai-sdk/mcp");
    return {
      async open({ url, isSse, authProvider }) {
        const client = await createMCPClient({ transport: { type: isSse ? "sse" : "http", url, authProvider } });
        const tools = await client.tools();
        return {
          call: (tool) => tools[tool].execute({}, { toolCallId: "1", messages: [] }),
          close: () => client.close(),
        };
      },
      finish: ({ url, authProvider }, params) =>
        auth(authProvider, {
          serverUrl: url,
          authorizationCode: params.get("code"),
          callbackState: params.get("state"),
        }),
    };
  },

  async minion() {
    const { MinionClient } = await import("@minion/client");
    let client;
    return {
      async open({ url, isSse, authProvider }) {
        client ??= new MinionClient({ servers: { bench: { url, authProvider, ...(isSse && { type: "sse" }) } } });
        return { call: (tool) => client.callTool("bench", tool), close: () => client.close() };
      },
      finish: (_, params) => client.finishAuth("bench", params),
    };
  },
};

function sdk({ Client, SSEClientTransport, StreamableHTTPClientTransport }) {
  const transportOf = ({ url, isSse, authProvider }) =>
    new (isSse ? SSEClientTransport : StreamableHTTPClientTransport)(new URL(url), { authProvider });
  return {
    async open(target) {
      const client = new Client({ name: "bench", version: "1.0.0" });
      await client.connect(transportOf(target));
      return { call: (name) => client.callTool({ name, arguments: {} }), close: () => client.close() };
    },
    finish: (target, params) => transportOf(target).finishAuth(params.get("code"), params.get("iss")),
  };
}
