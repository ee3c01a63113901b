import { McpError } from "@modelcontextprotocol/sdk/types.js";
import type { ExtraTool } from "../faults.js";
import { type ChaosTool, text } from "./tool.js";

/** The tools that a test has defined, as the others are. */
export function extraTools(definitions: readonly ExtraTool[]): readonly ChaosTool[] {
  return definitions.map((definition) => {
    const { result, error, inputSchema = { type: "object" }, ...listing } = definition;
    return {
      name: definition.name,
      listing: { ...listing, inputSchema },
      run: async (args) => {
        if (error !== undefined) throw new McpError(error.code, error.message, error.data);
        return result ?? text(JSON.stringify(args ?? {}));
      },
    };
  });
}
