/** How long a report of failing calls counts. */
const validMs = 10_000;
const maxReporters = 1_000;

/** What other processes have said of calls that failed there: how many in a row, of each its last word. */
export class FailingReports {
  readonly #reports = new Map<string, { readonly failures: number; readonly at: number }>();

  add(from: string, failures: number): void {
    if (this.#reports.size >= maxReporters) this.#reports.clear();
    this.#reports.set(from, { failures, at: performance.now() });
  }

  /** How many calls have lately failed elsewhere. */
  get total(): number {
    const since = performance.now() - validMs;
    let total = 0;
    for (const [from, { failures, at }] of this.#reports) {
      if (at < since) this.#reports.delete(from);
      else total += failures;
    }
    return total;
  }

  clear(): void {
    this.#reports.clear();
  }
}
