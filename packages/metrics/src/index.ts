/// <reference lib="esnext.disposable" preserve="true" />
export { MetricNameTakenError } from "./errors.js";
export type { MeterAttributes, MeterInstrumentOptions, MeterLike, MeterObserver } from "./meter-like.js";
export { type AliasSet, Metrics, type MetricsOptions, type WatchOptions } from "./metrics.js";
export { MetricsCollector, type MetricsCollectorOptions } from "./metrics-collector.js";
export type { Registry, RegistryMetric } from "./registry.js";
export type {
  BreakerSnapshot,
  CacheSnapshot,
  ClientSnapshot,
  MetricsSnapshot,
  NamedBreakerSnapshot,
  NamedCacheSnapshot,
  NamedPoolSnapshot,
  PoolKeySnapshot,
  PoolSnapshot,
  ReplicaSnapshot,
  ServerSnapshot,
} from "./snapshot.js";
export type {
  BreakerFigures,
  BreakerSource,
  CacheFigures,
  CacheSource,
  CallFinished,
  ClientSource,
  PoolFigures,
  PoolSource,
  ServerFigures,
} from "./sources.js";
