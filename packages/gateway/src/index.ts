/// <reference lib="esnext.disposable" preserve="true" />
export type { AuditEntry } from "./audit.js";
export { Gateway } from "./gateway.js";
export type {
  DrainOptions,
  Filters,
  GatewayAuth,
  GatewayOptions,
  Principal,
  QuotaDecision,
} from "./gateway-options.js";
export type { GatewayStatus } from "./gateway-status.js";
