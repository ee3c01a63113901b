/// <reference lib="esnext.disposable" preserve="true" />
export { Fleet } from "./fleet.js";
export type { FleetEvent } from "./fleet-event.js";
export type { FleetOptions } from "./fleet-options.js";
export type { FleetStats, FleetStatus } from "./fleet-stats.js";
export type { Quota, QuotaDecision, QuotaOptions } from "./quota.js";
