import type { McpSession } from "../mcp-session.js";
import type { ServerInfo } from "./connection.js";

/** Who the server of a session is, as far as the session tells. */
export function serverInfoOf(session: McpSession, protocolVersion: string | undefined): ServerInfo {
  const { name = "", version = "" } = session.getServerVersion?.() ?? {};
  return {
    name,
    version,
    instructions: session.getInstructions?.(),
    capabilities: { ...session.getServerCapabilities() },
    protocol: protocolVersion ?? session.getNegotiatedProtocolVersion?.() ?? transportVersion(session.transport),
  };
}

/** SDK v1 tells the revision to its transport alone, and that of HTTP alone keeps it. */
function transportVersion(transport: unknown): string | undefined {
  const version: unknown =
    typeof transport === "object" && transport !== null ? Reflect.get(transport, "protocolVersion") : undefined;
  return typeof version === "string" ? version : undefined;
}
