import type { ServerMemory } from "./server-memory.js";

/**
 * Opens a connection to a process. It may end because it is asked what it speaks: where that may be why, another is greeted at
 * once, as the servers of older revisions expect it. `mayGreet` says whether the process ended by itself.
 */
export async function askOrGreet<T>(
  attempt: () => Promise<T>,
  memory: ServerMemory,
  mayGreet: () => boolean,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!mayGreet() || !memory.endedEarly()) throw error;
    return await attempt();
  }
}
