import type { Outcome, Rejection } from "./gateway-metrics.js";

/** What is told of one request once it has ended: who, what, where and how, never its arguments or its result. */
export interface AuditEntry {
  /** When it ended, in milliseconds since 1970. */
  readonly at: number;
  /** For whom; undefined where nobody is asked who they are, or before that is known. */
  readonly principal: string | undefined;
  /** The method of MCP; empty where the request was not let in. */
  readonly method: string;
  /** The server that it was for; empty for lists and where there is none. */
  readonly server: string;
  /** The tool or prompt, as the caller named it, in at most 128 characters. */
  readonly target: string | undefined;
  /** How it ended. */
  readonly outcome: Outcome | "rejected";
  /** Why it was not let in. */
  readonly reason?: Rejection | undefined;
  /** The code of the JSON-RPC error. */
  readonly code: number | undefined;
  readonly durationMs: number;
}

/** The entry as one line of JSON. */
export function auditLine({ at, ...entry }: AuditEntry): string {
  return `${JSON.stringify({ at: new Date(at).toISOString(), ...entry })}\n`;
}
