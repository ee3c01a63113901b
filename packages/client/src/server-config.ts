import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import type { ConnectContext, McpSession } from "./session/mcp-session.js";

/** A server that is started as a child process and spoken to over its stdin and stdout. */
export interface StdioServer {
  readonly type?: "stdio" | undefined;
  /** The program; found through PATH where it is no path. */
  readonly command: string;
  /** Its arguments, none by default. */
  readonly args?: readonly string[] | undefined;
  /** Added to the few variables a server gets anyway (HOME, LOGNAME, PATH, SHELL, TERM, USER). */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Its working directory, this process's by default. */
  readonly cwd?: string | undefined;
}

/** A server that is reached over the network. */
export interface HttpServer {
  /** Streamable HTTP ("http", the default) or the deprecated SSE transport. */
  readonly type?: "http" | "sse" | undefined;
  readonly url: string;
  /** Sent with every request to the server; a function is asked before each. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | ((context: { readonly principal: string | undefined }) => Promise<Record<string, string>>)
    | undefined;
  /** The SDK's OAuth provider. */
  readonly authProvider?: OAuthClientProvider | undefined;
}

/** A server that is connected to by a function of one's own: in memory, over another transport, by SDK v2. */
export interface CustomServer {
  /** Opens a session, to be used for nothing else; it is closed by the client. */
  readonly connect: (context: ConnectContext) => Promise<McpSession>;
}
