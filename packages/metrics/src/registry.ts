/** One metric as it stands in a {@link Registry}: asked for its values at each scrape. */
export interface RegistryMetric {
  get(): Promise<object>;
  reset(): void;
}

/**
 * What is needed of a registry of Prometheus metrics. Those of `prom-client` and `@prometheus-io/client` fit as they
 * are, and neither package is named here, so that users of one need no types of the other.
 */
export interface Registry {
  registerMetric(metric: RegistryMetric): void;
  getSingleMetric(name: string): object | undefined;
  /** All its metrics as text. */
  metrics(): Promise<string>;
  readonly contentType: string;
}

/** A set of labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** One line of the text format; `metricName` where it is not the family's own name. */
export interface SeriesValue {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

/** A metric family: its name, its type, what it tells, and how equal series of two sources become one. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram" | "untyped";
  readonly help: string;
  /** `sum` for what can be added, `max` for states and instants. Default: `sum`. */
  readonly merge?: "max" | undefined;
}

/** Puts one family into the registry, whose values are read anew at each scrape. */
export function registerFamily(
  registry: Registry,
  name: string,
  family: Family,
  values: () => readonly SeriesValue[],
): void {
  const { type, help } = family;
  // The aggregator tells prom-client's cluster support how to join the values of several processes.
  const aggregator = family.merge ?? "sum";
  const metric = {
    name,
    help,
    type,
    aggregator,
    get: async () => ({ name, help, type, aggregator, values: values() }),
    // The counts belong to the sources: the registry cannot reset them.
    reset() {},
  };
  registry.registerMetric(metric);
}
