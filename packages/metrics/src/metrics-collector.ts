import { checkInteger, checkKeys, checkMethods } from "./check-options.js";
import type { Metrics } from "./metrics.js";
import type { MetricsSnapshot } from "./snapshot.js";

/** Options of {@link MetricsCollector}. */
export interface MetricsCollectorOptions {
  /** Milliseconds between two snapshots. Default: 30,000. */
  readonly intervalMs?: number | undefined;
  /** Snapshots kept; the oldest goes first. Default: 2,880, which is a day at the default interval. */
  readonly maxSnapshots?: number | undefined;
}

/** The longest delay a timer of Node can have. */
const maxDelayMs = 2_147_483_647;

/**
 * Keeps a bounded history of snapshots inside the process, for an application that shows its own figures. It has no
 * part in `/metrics`: that is read anew at each scrape. Its timer does not keep the process alive.
 */
export class MetricsCollector implements Disposable {
  readonly #metrics: Metrics;
  readonly #intervalMs: number;
  readonly #maxSnapshots: number;
  readonly #history: MetricsSnapshot[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Begins nothing: see {@link MetricsCollector.start}. Throws TypeError or RangeError for a wrong option. */
  constructor(metrics: Metrics, options: MetricsCollectorOptions = {}) {
    checkMethods("MetricsCollector: metrics", metrics, ["snapshot"]);
    checkKeys("MetricsCollector", options, ["intervalMs", "maxSnapshots"]);
    const { intervalMs = 30_000, maxSnapshots = 2_880 } = options;
    checkInteger("MetricsCollector", "intervalMs", intervalMs, 1, maxDelayMs);
    checkInteger("MetricsCollector", "maxSnapshots", maxSnapshots, 1, 1_000_000);
    this.#metrics = metrics;
    this.#intervalMs = intervalMs;
    this.#maxSnapshots = maxSnapshots;
  }

  /** Takes a snapshot now and one per interval from now on. Does nothing while it runs. */
  start(): this {
    if (this.#timer !== undefined) return this;
    this.#collect();
    this.#timer = setInterval(() => this.#collect(), this.#intervalMs);
    this.#timer.unref();
    return this;
  }

  /** Ends the collection; the history stays. It can be started again. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The same as {@link MetricsCollector.stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** The newest snapshot; `undefined` before the first start. */
  latest(): MetricsSnapshot | undefined {
    return this.#history.at(-1);
  }

  /** All snapshots kept, oldest first, in a fresh array. */
  history(): readonly MetricsSnapshot[] {
    return [...this.#history];
  }

  /** The snapshots taken at or after an instant, given as epoch milliseconds or a Date. */
  since(at: number | Date): readonly MetricsSnapshot[] {
    const instant = Number(at);
    if (Number.isNaN(instant)) throw new TypeError("MetricsCollector: since needs epoch milliseconds or a valid Date");
    return this.#history.filter((snapshot) => snapshot.at >= instant);
  }

  #collect(): void {
    this.#history.push(this.#metrics.snapshot());
    if (this.#history.length > this.#maxSnapshots) this.#history.shift();
  }
}
