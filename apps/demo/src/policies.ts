import type { ServerPolicy } from "@minion/client";
import type { Playground } from "./servers.js";
import { patienceMs } from "./step.js";

/** A server is left alone after three failures, for two seconds: soon enough for a person to see both. */
const breaker = { failureThreshold: 3, openMs: 2_000 } as const;

/** The policy of the page, where a server that was frozen is to show soon. */
export function pagePolicy({ callTimeoutMs }: Pick<Playground, "callTimeoutMs">): ServerPolicy {
  return { callTimeoutMs, breaker };
}

/**
 * The policy of the tour: what may include the start of a process may take very long; that is shown, not failed. A step that
 * shows a server that hangs gives a short timeout of its own.
 */
export const tourPolicy: ServerPolicy = { callTimeoutMs: patienceMs, connectTimeoutMs: patienceMs, breaker };
