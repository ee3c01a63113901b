import type { McpSession } from "../../src/index.js";

/** A session by hand that answers everything. */
export function session(): McpSession {
  const one: McpSession = {
    request: async () => ({ content: [] }),
    callTool: async () => ({ content: [] }),
    listTools: async () => ({ tools: [] }),
    close: async () => one.onclose?.(),
    getServerCapabilities: () => undefined,
  };
  return one;
}
