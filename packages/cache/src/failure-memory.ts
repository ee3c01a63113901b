import { LRUCache } from "lru-cache";
import { TagIndex } from "./tag-index.js";

/** A failed load that is remembered. */
export interface Failure {
  readonly key: string;
  readonly error: unknown;
  readonly until: number;
  readonly tags: readonly string[];
}

/** Failed loads by key, all remembered equally long, at most `maxEntries` of them; beyond that the oldest is forgotten. */
export class FailureMemory {
  readonly #failures: LRUCache<string, Failure>;
  readonly #byTag = new TagIndex<Failure>();
  readonly #ttlMs: number;

  constructor(ttlMs: number, maxEntries: number) {
    this.#ttlMs = ttlMs;
    this.#failures = new LRUCache({
      maxSize: Math.min(maxEntries, Number.MAX_SAFE_INTEGER),
      sizeCalculation: () => 1,
      dispose: (failure) => this.#byTag.remove(failure),
    });
  }

  get size(): number {
    return this.#failures.size;
  }

  /** The failure still remembered, without a trace of the question. */
  at(key: string, now: number): Failure | undefined {
    const failure = this.#failures.peek(key);
    return failure !== undefined && now < failure.until ? failure : undefined;
  }

  /** Remembers a failure. An abort says nothing about the next load and is not remembered. */
  remember(key: string, error: unknown, now: number, tags: readonly string[]): void {
    if (this.#ttlMs === 0 || isAbort(error)) return;
    const failure = { key, error, until: now + this.#ttlMs, tags };
    this.#failures.set(key, failure);
    this.#byTag.add(failure);
  }

  forget(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key);
  }

  forgetAll(): void {
    this.#failures.clear();
  }

  forgetTag(tag: string): void {
    for (const { key } of this.#byTag.of(tag)) this.#failures.delete(key);
  }

  keys(): string[] {
    return [...this.#failures.keys()];
  }

  /** Drops what is over. */
  sweep(now: number): void {
    for (;;) {
      const [oldest] = this.#failures.rvalues();
      if (oldest === undefined || now < oldest.until) return;
      this.#failures.pop();
    }
  }
}

function isAbort(error: unknown): boolean {
  return typeof error === "object" && error !== null && "name" in error && error.name === "AbortError";
}
