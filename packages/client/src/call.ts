import type { ClientCapabilities, Progress } from "@modelcontextprotocol/sdk/types.js";
import type { Deadline } from "./deadline.js";

/** One request of a user on its way through the layers. */
export interface Call {
  readonly method: string;
  readonly params: Record<string, unknown> | undefined;
  /** What errors call it: `Tool "echo"`, `tools/list`. */
  readonly what: string;
  /** The tool or prompt that is asked for. */
  readonly target: string | undefined;
  /** Whether running it twice does no harm. */
  readonly isSafe: boolean;
  /** The capability without which a server has nothing to answer with, and what the answer is then. */
  readonly needs?: { readonly capability: string; readonly otherwise: unknown } | undefined;
  /** Declared for this call alone, in place of the client's own. */
  readonly capabilities?: ClientCapabilities | undefined;
  /** Whether its caller takes the question of a server as an answer. */
  readonly showsInputRequired?: boolean | undefined;
  readonly deadline: Deadline;
  readonly principal: string | undefined;
  readonly priority: number | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}
