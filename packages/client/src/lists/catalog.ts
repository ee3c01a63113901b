import type { Tool } from "@modelcontextprotocol/sdk/types.js";

/** A tool with the server that has it, its own name, and the name under which it is told apart from all others. */
export interface QualifiedTool extends Tool {
  readonly server: string;
  /** Its name on its server. */
  readonly tool: string;
  /** `mcp_<server>_<tool>`, for `callQualified`. */
  readonly name: string;
}

/** The tools of all servers, and the servers that could not be asked. */
export interface ToolCatalog {
  readonly tools: readonly QualifiedTool[];
  readonly failures: readonly ServerFailure[];
}

/** What became of a warm-up. */
export interface ConnectReport {
  /** The names of the servers to which a connection is open. */
  readonly connected: readonly string[];
  readonly failures: readonly ServerFailure[];
}

/** Why a server was left out. */
export interface ServerFailure {
  readonly server: string;
  readonly error: unknown;
}
