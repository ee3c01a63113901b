import type { ProtocolVersion } from "../../config/server-config.js";

/** The modern revision: no sessions, and every request says by itself who asks. */
export const modernVersion: ProtocolVersion = "2026-07-28";

/** The revisions with a handshake, the newest first. */
export const legacyVersions: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];

/** Which of the two families of revisions a server speaks. */
export type Era = "modern" | "legacy";

/** The era of a revision. Revisions are dates, so that they compare as text. */
export function eraOf(version: string): Era {
  return version >= modernVersion ? "modern" : "legacy";
}
