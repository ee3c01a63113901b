import { LRUCache } from "lru-cache";

/** A failed load that is remembered. */
export interface Failure {
  readonly error: unknown;
  readonly until: number;
}

/** Failed loads by key, all remembered equally long, at most `maxEntries` of them; beyond that the oldest is forgotten. */
export class FailureMemory {
  readonly #failures: LRUCache<string, Failure>;
  readonly #ttlMs: number;

  constructor(ttlMs: number, maxEntries: number) {
    this.#ttlMs = ttlMs;
    this.#failures = new LRUCache({ maxSize: Math.min(maxEntries, Number.MAX_SAFE_INTEGER), sizeCalculation: () => 1 });
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
  remember(key: string, error: unknown, now: number): void {
    if (this.#ttlMs === 0 || isAbort(error)) return;
    this.#failures.set(key, { error, until: now + this.#ttlMs });
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  forgetAll(): void {
    this.#failures.clear();
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
