import type { McpSession } from "@minion/client";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { answerOf } from "./servers/lean-server.js";

/** A session that answers without a wire, so that what is measured is all ours. */
export function stubSession(): McpSession {
  const result = { content: [{ type: "text", text: "hello" }] };
  return {
    request: async () => result,
    callTool: async () => result,
    listTools: async () => ({ tools: [] }),
    close: async () => {},
    getServerCapabilities: () => ({ tools: {} }),
  };
}

/** The client's end of a connection to the lean server in this process. */
export async function leanInMemory(tools: number): Promise<InMemoryTransport> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  far.onmessage = (message) => {
    const text = answerOf("legacy")(JSON.stringify(message), tools);
    if (text !== undefined) far.send(JSON.parse(text)).catch(() => {});
  };
  await far.start();
  return near;
}
