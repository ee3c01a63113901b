const maxSpent = 64;

/**
 * The refresh tokens that were presented and are of no use any more. Presented a second time, one would be taken for stolen
 * and end the login (OAuth 2.1, 4.3.1).
 */
export class RefreshTokens {
  readonly #spent = new Set<string>();

  present(token: string): void {
    this.#spent.add(token);
    const [oldest] = this.#spent;
    if (this.#spent.size > maxSpent && oldest !== undefined) this.#spent.delete(oldest);
  }

  /** It is still good: the server had no say on it, or gave it out again. */
  keep(token: string): void {
    this.#spent.delete(token);
  }

  isSpent(token: string): boolean {
    return this.#spent.has(token);
  }
}
