/**
 * The registry given to {@link Metrics} already holds a metric of a name that it needs. Nothing was registered.
 *
 * Give each `Metrics` a registry of its own, or watch all sources with one `Metrics`.
 */
export class MetricNameTakenError extends Error {
  override readonly name = "MetricNameTakenError";
  readonly code = "ERR_METRICS_NAME_TAKEN";
  /** The name that is taken. */
  readonly metric: string;

  constructor(metric: string) {
    super(`Metrics: the registry already has a metric ${metric}; give each Metrics a registry of its own`);
    this.metric = metric;
  }
}
