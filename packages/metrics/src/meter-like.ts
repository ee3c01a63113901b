/** Attributes of one value. */
export type MeterAttributes = Readonly<Record<string, string>>;

/** How an instrument is described. */
export interface MeterInstrumentOptions {
  readonly description: string;
  /** As UCUM writes it. */
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

/** What is told each value of a callback. */
export interface MeterObserver {
  observe(instrument: object, value: number, attributes: MeterAttributes): void;
}

/**
 * What `Metrics.otel` needs of an OpenTelemetry meter: a `Meter` of `@opentelemetry/api` 1.x fits as it is, and that
 * package need not be installed.
 */
export interface MeterLike {
  createHistogram(
    name: string,
    options: MeterInstrumentOptions,
  ): { record(value: number, attributes: MeterAttributes): void };
  createObservableCounter(name: string, options: MeterInstrumentOptions): object;
  createObservableGauge(name: string, options: MeterInstrumentOptions): object;
  createObservableUpDownCounter(name: string, options: MeterInstrumentOptions): object;
  addBatchObservableCallback(callback: (observer: MeterObserver) => void, instruments: object[]): void;
  removeBatchObservableCallback(callback: (observer: MeterObserver) => void, instruments: object[]): void;
}
