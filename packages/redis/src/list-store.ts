import { createHash, randomBytes } from "node:crypto";
import type { ListName } from "@minion/client";
import { keepLease, readOrLease, storeIfSame } from "./list-scripts.js";
import type { RedisLink } from "./redis-link.js";

/** The largest list that is shared, in bytes. */
export const maxListBytes = 4_194_304;
/** The longest time that a list is shared for. */
const maxTtlMs = 86_400_000;
/** Longer than any list is kept, so that one cannot outlive its generation. */
const generationMs = 7 * maxTtlMs;

/** Which list, and whose. */
export interface StoredKey {
  readonly list: ListName;
  readonly replica: number;
  /** A hash of the principal; null where there is none. */
  readonly principal: string | null;
  readonly capabilities: unknown;
}

/** What the fleet has of a list, and the list's present generation. */
export type Found = { readonly generation: string } & (
  | { readonly kind: "hit"; readonly text: string; readonly leftMs: number }
  /** It is to be fetched here, for the whole fleet. */
  | { readonly kind: "leased"; readonly token: string }
  /** Another process fetches it. */
  | { readonly kind: "busy"; readonly holder: string }
  /** What stands there cannot be used. */
  | { readonly kind: "refused" }
  | { readonly kind: "none" }
);

/** The lists of one server as the fleet keeps them. All keys have one hash tag, so that the scripts run on a Cluster. */
export class ListStore {
  readonly #link: RedisLink;
  readonly #base: string;
  readonly #leaseMs: number;

  constructor(link: RedisLink, namespace: string, identity: string, leaseMs: number) {
    this.#link = link;
    this.#base = `${namespace}:{${identity}}`;
    this.#leaseMs = leaseMs;
  }

  /** Whether commands are sent at all. */
  get isReached(): boolean {
    return this.#link.isUp;
  }

  /** What there is of a list. Rejects where Redis does not tell in time. */
  async find(key: StoredKey, mode: "generation" | "read" | "lease"): Promise<Found> {
    const token = randomId();
    const keys = [
      this.#entryKey(key, false),
      this.#entryKey(key, true),
      this.#generationKey(key.list),
      this.#leaseKey(key),
    ];
    const args = [mode, randomId(), generationMs, token, this.#leaseMs, maxListBytes];
    const reply = await this.#link.run(
      mode,
      (redis) => redis.eval(readOrLease, keys.length, ...keys, ...args),
      // Nobody waits for it any more: others must not wait for a fetch that never comes.
      (late) => {
        const found = foundIn(late, token);
        if (found.kind === "leased") this.release(key, found.token);
      },
    );
    return foundIn(reply, token);
  }

  /** Stores a list that was fetched under a generation; resolves with the present one. Rejects where Redis does not tell. */
  store(
    key: StoredKey,
    entry: { readonly generation: string; readonly text: string; readonly ttlMs: number; readonly isPublic: boolean },
    token: string | undefined,
  ): Promise<unknown> {
    const keys = [this.#entryKey(key, entry.isPublic), this.#generationKey(key.list), this.#leaseKey(key)];
    const ttlMs = Math.max(1, Math.floor(Math.min(entry.ttlMs, maxTtlMs)));
    return this.#link.run("store", (redis) =>
      redis.eval(storeIfSame, keys.length, ...keys, entry.generation, entry.text, ttlMs, token ?? "-"),
    );
  }

  /** Gives a lease back at once. */
  release(key: StoredKey, token: string): void {
    const entry = { generation: "", text: "", ttlMs: 1, isPublic: false };
    this.store(key, entry, token).catch(() => {
      // It ends by itself.
    });
  }

  /** Keeps a lease from ending while its list is fetched, for `forMs` at most, until the handle is disposed. */
  keep(key: StoredKey, token: string, forMs: number): Disposable {
    const endAt = performance.now() + forMs - this.#leaseMs;
    const renewals = setInterval(() => {
      if (performance.now() >= endAt) return clearInterval(renewals);
      this.#link
        .run("keep", (redis) => redis.eval(keepLease, 1, this.#leaseKey(key), token, this.#leaseMs))
        .catch(() => {
          // It is tried again; where it has ended, another process fetches too.
        });
    }, this.#leaseMs / 3);
    renewals.unref();
    return { [Symbol.dispose]: () => clearInterval(renewals) };
  }

  /** Begins a new generation of a list: whatever was stored of it is void. Resolves with it. Rejects where Redis does not confirm it. */
  async renew(list: ListName): Promise<string> {
    const generation = randomId();
    await this.#link.run("renew", (redis) => redis.set(this.#generationKey(list), generation, "PX", generationMs));
    return generation;
  }

  /** The present generations of some lists; undefined for one that has none. Rejects where Redis does not tell. */
  async generations(lists: readonly ListName[]): Promise<readonly (string | undefined)[]> {
    const keys = lists.map((list) => this.#generationKey(list));
    const found = await this.#link.run("generations", (redis) => redis.mget(...keys));
    return lists.map((_, index) => found[index] ?? undefined);
  }

  #generationKey(list: ListName): string {
    return `${this.#base}:generation:${list}`;
  }

  #entryKey(key: StoredKey, isPublic: boolean): string {
    return `${this.#base}:list:${hashOf(key, isPublic)}`;
  }

  #leaseKey(key: StoredKey): string {
    return `${this.#base}:lease:${hashOf(key, false)}`;
  }
}

/** Something that no other process and no other time has. */
export function randomId(): string {
  return randomBytes(12).toString("base64url");
}

function hashOf({ list, replica, principal, capabilities }: StoredKey, isPublic: boolean): string {
  const owner = isPublic ? "everybody" : [principal];
  const text = JSON.stringify([list, replica, owner, capabilities]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** What the script replied. */
function foundIn(reply: unknown, token: string): Found {
  const [generation, kind, value, leftMs]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (typeof generation !== "string") throw new Error("Redis gave an answer that is not one of the fleet's script");
  // A client with `stringNumbers` gives numbers as texts.
  if (kind === "hit" && typeof value === "string" && Number(leftMs) > 0)
    return { generation, kind, text: value, leftMs: Number(leftMs) };
  if (kind === "leased") return { generation, kind, token };
  if (kind === "busy" && typeof value === "string") return { generation, kind, holder: value };
  return { generation, kind: kind === "refused" ? "refused" : "none" };
}
