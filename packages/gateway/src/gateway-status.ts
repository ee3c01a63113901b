import type { ServerStatus } from "@minion/client";

/** How a gateway is. */
export interface GatewayStatus {
  /** Whether it has tried every list once and is not draining. */
  readonly ready: boolean;
  readonly draining: boolean;
  /** HTTP requests that are being served. */
  readonly calls: number;
  /** Streams that wait for changes. */
  readonly streams: number;
  readonly servers: readonly ServerStatus[];
}
