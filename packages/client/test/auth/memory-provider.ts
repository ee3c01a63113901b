import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";

/** A provider as an application writes one, with private fields, that keeps everything in memory. */
export class MemoryProvider implements OAuthClientProvider {
  /** Where a user would have been sent. */
  readonly redirects: URL[] = [];
  readonly saved: StoredOAuthTokens[] = [];
  /** Runs before tokens are saved. */
  beforeSave: () => Promise<void> = async () => {};
  /** Runs before tokens are read. */
  beforeRead: () => Promise<void> = async () => {};
  clientMetadata: OAuthClientMetadata = {
    client_name: "test",
    redirect_uris: ["http://127.0.0.1/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  redirectUrl: string | undefined = "http://127.0.0.1/callback";
  #tokens: StoredOAuthTokens | undefined;
  #client: StoredOAuthClientInformation | undefined;
  #verifier = "";
  #states = 0;

  constructor(tokens?: StoredOAuthTokens, client?: StoredOAuthClientInformation) {
    this.#tokens = tokens;
    this.#client = client;
  }

  get client(): StoredOAuthClientInformation | undefined {
    return this.#client;
  }

  state(): string {
    this.#states += 1;
    return `state-${this.#states}`;
  }

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client;
  }

  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client;
  }

  async tokens(): Promise<StoredOAuthTokens | undefined> {
    await this.beforeRead();
    return this.#tokens;
  }

  async saveTokens(tokens: StoredOAuthTokens): Promise<void> {
    await this.beforeSave();
    this.saved.push(tokens);
    this.#tokens = tokens;
  }

  redirectToAuthorization(url: URL): void {
    this.redirects.push(url);
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  invalidateCredentials(what: "all" | "client" | "tokens" | "verifier" | "discovery"): void {
    if (what === "all" || what === "tokens") this.#tokens = undefined;
    if (what === "all" || what === "client") this.#client = undefined;
  }
}
