import { setImmediate } from "node:timers/promises";

/**
 * Lets this process hear of what the system has accepted for it while it was busy, lets what was read reach those who answer it,
 * and what was answered those who write it.
 */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}
