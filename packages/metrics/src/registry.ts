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

/**
 * One line of the text format; `metricName` where it is not the family's own name. All its labels are shared labels,
 * of which both registries render each object once, and not at every scrape.
 */
export interface SeriesValue {
  readonly labels: Labels;
  readonly sharedLabels: Labels;
  readonly value: number;
  readonly metricName: string | undefined;
}

const noLabels: Labels = {};

/** A line with these labels. */
export function seriesValue(labels: Labels, value: number, metricName?: string): SeriesValue {
  return { labels: noLabels, sharedLabels: labels, value, metricName };
}

/** A metric family: its type, what it tells, and how equal series of two sources, or of two processes, become one. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram" | "untyped";
  readonly help: string;
  /** How equal series of two sources of this process become one: `max` for instants and flags. Default: their sum. */
  readonly merge?: "max" | undefined;
  /** How prom-client joins the values of several processes. Default: as `merge`. `omit`: no joined value would be true. */
  readonly cluster?: "omit" | undefined;
}

/** JSON, in which cluster workers send their values, knows no infinity: this stands for it, and sums of it overflow. */
const largest = Number.MAX_VALUE;

/** Puts one family into the registry, whose values are read anew at each scrape. */
export function registerFamily(
  registry: Registry,
  name: string,
  family: Family,
  values: () => readonly SeriesValue[],
): void {
  const { type, help } = family;
  const head = { name, help, type, aggregator: family.cluster ?? family.merge ?? "sum" };
  const metric = {
    ...head,
    /** The values as objects, of which prom-client's cluster support makes JSON. */
    get: async () => ({ ...head, values: values().map(plainValue) }),
    /** The values for the text. */
    getForPromString: async () => ({ ...head, values: values() }),
    // The counts belong to the sources: the registry cannot reset them.
    reset() {},
  };
  registry.registerMetric(metric);
}

function plainValue({ sharedLabels, value, metricName }: SeriesValue): object {
  return {
    labels: sharedLabels,
    value: Math.min(value, largest),
    ...(metricName !== undefined && { metricName }),
  };
}
