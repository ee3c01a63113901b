import type { ClientCapabilities, Progress } from "@modelcontextprotocol/sdk/types.js";
import type { Deadline } from "./deadline.js";

/** What a call is about, however it is made. */
export interface CallSubject {
  readonly method: string;
  readonly params?: Record<string, unknown> | undefined;
  /** The tool or prompt that is asked for. */
  readonly target?: string | undefined;
  /** What errors call it: `Tool "echo"`, `tools/list`. */
  readonly what: string;
  /** Whether running it twice does no harm. */
  readonly isSafe: boolean;
  /** The capability without which a server has nothing to answer with, and what the answer is then. */
  readonly needs?: { readonly capability: string; readonly otherwise: unknown } | undefined;
  /** Whether its caller takes the question of a server as an answer. */
  readonly showsInputRequired?: boolean | undefined;
}

/** Keeps how long a call has waited for its server, all its attempts together. */
export interface ServerTime {
  /** From now on it waits for an answer. */
  start(): void;
  /** It does so no more. */
  stop(): void;
  /** It has waited for a connection to be opened, for as many milliseconds. */
  add(ms: number): void;
}

/** One call of a user on its way through the layers. */
export interface Call extends CallSubject {
  readonly params: Record<string, unknown> | undefined;
  readonly target: string | undefined;
  /** Declared for this call alone, in place of the client's own. */
  readonly capabilities?: ClientCapabilities | undefined;
  readonly deadline: Deadline;
  readonly serverTime: ServerTime;
  readonly principal: string | undefined;
  readonly priority: number | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}
