import { type DurationRecorder, durationBounds } from "./call-durations.js";
import { type Definition, type FamilyName, families, familyNames } from "./families.js";
import type { MeterAttributes, MeterInstrumentOptions, MeterLike, MeterObserver } from "./meter-like.js";
import type { Labels } from "./registry.js";
import type { Samples } from "./samples.js";

/** The family that is recorded call by call; every other one is observed when the meter collects. */
const recorded: FamilyName = "client_operation_duration_seconds";

/** Labels that OpenTelemetry has names for; others get the namespace of the metrics. */
const conventional: Readonly<Record<string, string>> = {
  mcp_method_name: "mcp.method.name",
  error_type: "error.type",
  gen_ai_tool_name: "gen_ai.tool.name",
};

const named: Readonly<Record<string, string>> = { server: "server.name", pool: "pool.name", cache: "cache.name" };

/** What is exported: all values as they are now, and the durations of calls as they end. */
export interface OtelSource {
  readonly samples: () => Samples;
  readonly onDuration: (record: DurationRecorder) => () => void;
}

/** Exports the families through a meter, under names with `namespace` ("mcp."), until the returned function is called. */
export function exportToMeter(meter: MeterLike, namespace: string, source: OtelSource): () => void {
  const attributesOf = attributeMaker(namespace);
  const observed = familyNames
    .filter((family) => family !== recorded)
    .map((family) => ({ family, instrument: observable(meter, namespace, families[family]) }));
  const instruments = observed.map(({ instrument }) => instrument);

  const observe = (observer: MeterObserver): void => {
    const samples = source.samples();
    for (const { family, instrument } of observed) {
      for (const [{ labels }, value] of samples.values(family))
        if (Number.isFinite(value)) observer.observe(instrument, value, attributesOf(labels));
      // OpenTelemetry cannot observe a histogram; its sum is what is left of it.
      for (const [{ labels }, { sum }] of samples.histograms(family))
        observer.observe(instrument, sum, attributesOf(labels));
    }
  };
  const durations = meter.createHistogram(`${namespace}${families[recorded].otel}`, {
    ...describe(families[recorded]),
    advice: { explicitBucketBoundaries: [...durationBounds] },
  });
  meter.addBatchObservableCallback(observe, instruments);
  const endDurations = source.onDuration((labels, seconds) => durations.record(seconds, attributesOf(labels)));
  return () => {
    endDurations();
    meter.removeBatchObservableCallback(observe, instruments);
  };
}

function describe({ help, unit }: Definition): MeterInstrumentOptions {
  return { description: help, unit };
}

/** Counters and histograms only grow; a gauge that can be added up is an up-down counter there. */
function observable(meter: MeterLike, namespace: string, definition: Definition): object {
  const name = `${namespace}${definition.otel}`;
  const options = describe(definition);
  if (definition.type !== "gauge") return meter.createObservableCounter(name, options);
  if (definition.merge === "max") return meter.createObservableGauge(name, options);
  return meter.createObservableUpDownCounter(name, options);
}

/** Attributes are made once per set of labels, which are the same objects from scrape to scrape. */
function attributeMaker(namespace: string): (labels: Labels) => MeterAttributes {
  const made = new WeakMap<Labels, MeterAttributes>();
  const nameOf = (label: string): string => conventional[label] ?? `${namespace}${named[label] ?? label}`;
  return (labels) => {
    let attributes = made.get(labels);
    if (attributes === undefined) {
      attributes = Object.fromEntries(Object.entries(labels).map(([label, value]) => [nameOf(label), value]));
      made.set(labels, attributes);
    }
    return attributes;
  };
}
