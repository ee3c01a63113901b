import type { MinionClient } from "@minion/client";
import type { Changes } from "./changes.js";
import { unknownName } from "./find-entry.js";
import { type GatewaySettings, isAllowed } from "./gateway-options.js";
import { serverUri } from "./resource-uri.js";
import { rpcError } from "./rpc-error.js";
import type { ServerLists } from "./server-lists.js";

interface Watched {
  readonly subscription: Promise<AsyncDisposable>;
  /** How many want to be told. */
  users: number;
}

/** How long a server may take to accept a subscription: the answer to the caller waits for it. */
const acceptMs = 10_000;
/** How many resources one stream can be told of. */
const maxUris = 100;

/** What is told to somebody of changes of resources. */
export interface Watch {
  /** The URIs that are watched: those of the ones asked for that there are and whose server has accepted. */
  readonly uris: readonly string[];
  /** Ends it. */
  readonly end: () => void;
}

/** Subscribes to resources of servers for those who ask, once for all who want to know the same. */
export class ResourceWatch {
  readonly #client: MinionClient;
  readonly #settings: GatewaySettings;
  readonly #lists: ServerLists;
  readonly #changes: Changes;
  readonly #watched = new Map<string, Watched>();
  /** How many streams are being told of resources, or will be. */
  #streams = 0;

  constructor(settings: GatewaySettings, lists: ServerLists, changes: Changes) {
    this.#client = settings.client;
    this.#settings = settings;
    this.#lists = lists;
    this.#changes = changes;
  }

  /** Watches resources by their URIs at the gateway, for one stream. Never rejects. */
  async watch(uris: readonly string[], principal: string | undefined): Promise<Watch> {
    if (this.#streams >= this.#settings.maxStreams) return { uris: [], end: () => {} };
    this.#streams += 1;
    const ends: (() => void)[] = [];
    const watched = await Promise.all(
      [...new Set(uris)].slice(0, maxUris).map(async (uri) => {
        try {
          ends.push((await this.one(uri, principal)).end);
          return [uri];
        } catch {
          return [];
        }
      }),
    );
    return {
      uris: watched.flat(),
      end: () => {
        this.#streams -= 1;
        for (const end of ends.splice(0)) end();
      },
    };
  }

  /**
   * Watches one resource. Rejects where there is none, or its server does not accept.
   *
   * @throws ProtocolError -32602 where there is no such resource here
   */
  async one(uri: string, principal: string | undefined): Promise<Watch> {
    const found = serverUri(uri, this.#lists.servers());
    if (found === undefined || !isAllowed(this.#settings.resources, found.server, found.uri))
      throw unknownName("resource", uri);
    const own = this.#lists.principalFor(found.server, principal);
    const key = JSON.stringify([uri, own]);
    const watched = this.#watched.get(key) ?? this.#begin(key, uri, found, own);
    watched.users += 1;
    let isWatching = true;
    const end = (): void => {
      if (isWatching) this.#leave(key, watched);
      isWatching = false;
    };
    try {
      await watched.subscription;
    } catch (error) {
      end();
      throw rpcError(error, found.server);
    }
    return { uris: [uri], end };
  }

  #begin(
    key: string,
    uri: string,
    found: { readonly server: string; readonly uri: string },
    principal: string | undefined,
  ): Watched {
    const tell = (): void => this.#changes.publish({ kind: "resource_updated", uri }, principal);
    const options = { principal, timeoutMs: acceptMs };
    const watched = { subscription: this.#client.subscribeResource(found.server, found.uri, tell, options), users: 0 };
    this.#watched.set(key, watched);
    return watched;
  }

  #leave(key: string, watched: Watched): void {
    watched.users -= 1;
    if (watched.users > 0) return;
    if (this.#watched.get(key) === watched) this.#watched.delete(key);
    watched.subscription.then((subscription) => subscription[Symbol.asyncDispose]()).catch(() => {});
  }
}
