import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { lastWords, shortName } from "./untrusted.js";

/** Whether a request can have reached the server: `not-sent` also where it was refused before it ran. */
export type Delivery = "not-sent" | "sent";

/** What is known of a failed call. */
interface CallDetails {
  readonly delivery: Delivery;
  /** In the server's own words, where it said anything. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
}

/** The server has no such entry in the configuration, or was removed. */
export class ServerNotFoundError extends Error {
  override readonly name = "ServerNotFoundError";
  readonly code = "ERR_MCP_SERVER_NOT_FOUND";
  /** The name that was asked for. */
  readonly server: string;

  constructor(server: string, known: readonly string[]) {
    const names = known.length === 0 ? "no server is configured" : `configured: ${known.map(shortName).join(", ")}`;
    super(`There is no server "${shortName(server)}" (${names}). Add it to \`servers\` or call addServer().`);
    this.server = server;
  }
}

/** There is no such tool for the caller: no server lists a qualified name, two tools share it, or a policy leaves the tool out. */
export class ToolNotFoundError extends Error {
  override readonly name = "ToolNotFoundError";
  readonly code = "ERR_MCP_TOOL_NOT_FOUND";
  readonly delivery: "not-sent" = "not-sent";
  /** The server whose tools were searched; undefined where the name leads to none, or to more than one. */
  readonly server: string | undefined;
  /** The name that was asked for. */
  readonly tool: string;

  constructor(tool: string, server?: string, reason?: string) {
    const where = server === undefined ? "No server has a tool" : `Server "${shortName(server)}" has no tool`;
    const hint = "List the tools again: it may have been removed.";
    super(reason ?? `${where} with the qualified name "${shortName(tool)}". ${hint}`);
    this.tool = tool;
    this.server = server;
  }
}

/** No connection to the server could be opened; nothing was sent. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code = "ERR_MCP_CONNECT";
  readonly server: string;
  readonly delivery: "not-sent" = "not-sent";
  /** The end of what the server's process wrote to stderr, secrets masked; "" where there is none. */
  readonly stderrTail: string;

  constructor(
    server: string,
    reason: string,
    details: { readonly stderrTail?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const tail = details.stderrTail ?? "";
    const advice = `Check its configuration and that it runs.${lastWords(tail)}`;
    super(`No connection to server "${server}": ${reason}. ${advice}`, { cause: details.cause });
    this.server = server;
    this.stderrTail = tail;
  }
}

/** The call's deadline passed. */
export class CallTimeoutError extends Error {
  override readonly name = "CallTimeoutError";
  readonly code = "ERR_MCP_TIMEOUT";
  readonly server: string;
  readonly delivery: Delivery;
  /** The deadline that passed, in milliseconds. */
  readonly timeoutMs: number;

  constructor(
    server: string,
    what: string,
    details: { readonly timeoutMs: number; readonly delivery: Delivery; readonly cause?: unknown },
  ) {
    const { delivery, timeoutMs, cause } = details;
    const known = delivery === "sent" ? "It may still have run." : "The server never got it.";
    const isConnecting = delivery === "not-sent" && cause instanceof ConnectError;
    const advice = isConnecting
      ? `Raise timeoutMs if it is slow to start. ${cause.message}`
      : "Raise timeoutMs if it is slow.";
    super(`${what} of server "${server}" took longer than ${timeoutMs} ms. ${known} ${advice}`, { cause });
    this.server = server;
    this.timeoutMs = details.timeoutMs;
    this.delivery = details.delivery;
  }
}

/** The server is known to be unavailable: its breaker is open, or it answered 429 or 503 to the end. */
export class ServerUnavailableError extends Error {
  override readonly name = "ServerUnavailableError";
  readonly code = "ERR_MCP_UNAVAILABLE";
  readonly server: string;
  readonly delivery: Delivery;
  /** Milliseconds until it is worth asking again. */
  readonly retryAfterMs: number;
  /** The HTTP status that the server answered; undefined where it was not asked. */
  readonly status: number | undefined;

  constructor(
    server: string,
    reason: string,
    details: {
      readonly retryAfterMs: number;
      readonly delivery?: Delivery | undefined;
      readonly status?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    const when = Number.isFinite(details.retryAfterMs)
      ? `Do not retry for ${Math.ceil(details.retryAfterMs)} ms.`
      : "Do not retry.";
    super(`Server "${server}" is unavailable: ${reason}. ${when}`, { cause: details.cause });
    this.server = server;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.delivery = details.delivery ?? "not-sent";
  }
}

/** The server refused the request with an HTTP status. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code = "ERR_MCP_HTTP";
  readonly server: string;
  readonly delivery: Delivery;
  /** The HTTP status of the refusal. */
  readonly status: number;

  constructor(server: string, status: number, details: CallDetails) {
    const { reason = `it answered with HTTP status ${status}`, cause } = details;
    super(`Server "${server}" refused the request: ${reason}. Repeating it in place will not help.`, { cause });
    this.server = server;
    this.status = status;
    this.delivery = details.delivery;
  }
}

/** Too many calls are queued for the server in this client. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
  readonly code = "ERR_MCP_OVERLOADED";
  readonly server: string;
  readonly delivery: "not-sent" = "not-sent";

  constructor(server: string, details: { readonly cause?: unknown } = {}) {
    const advice = "Call it less often, or raise maxConnections or its pool's maxWaitersPerKey.";
    super(`The queue for server "${server}" is full. ${advice}`, { cause: details.cause });
    this.server = server;
  }
}

/** The request was sent and its answer lost: the server may or may not have done what was asked. */
export class OutcomeUnknownError extends Error {
  override readonly name = "OutcomeUnknownError";
  readonly code = "ERR_MCP_OUTCOME_UNKNOWN";
  readonly server: string;
  readonly delivery: "sent" = "sent";

  constructor(
    server: string,
    what: string,
    details: Omit<CallDetails, "delivery"> & {
      /** Whether running it twice does no harm. */
      readonly isSafe?: boolean | undefined;
    } = {},
  ) {
    const why = details.reason === undefined ? "" : ` The reason: ${details.reason}`;
    const advice = details.isSafe
      ? "It is safe to repeat: do so when the server is back."
      : "Look before you repeat it; pass idempotent: true where repeating is harmless.";
    super(`${what} of server "${server}" was sent and its answer lost, so it may have run. ${advice}${why}`, {
      cause: details.cause,
    });
    this.server = server;
  }
}

/** The connection that held a stateful server's session is gone, and what the server remembered with it. */
export class SessionLostError extends Error {
  override readonly name = "SessionLostError";
  readonly code = "ERR_MCP_SESSION_LOST";
  readonly server: string;
  readonly delivery: Delivery;
  /** The HTTP status by which the server said so; undefined where the connection ended without a word of it. */
  readonly status: number | undefined;

  constructor(server: string, details: CallDetails & { readonly status?: number | undefined }) {
    const why = details.reason === undefined ? "" : ` The reason: ${details.reason}`;
    const advice = "The next call opens a new one: start over.";
    super(`The session with server "${server}" was lost, and its state with it. ${advice}${why}`, {
      cause: details.cause,
    });
    this.server = server;
    this.delivery = details.delivery;
    this.status = details.status;
  }
}

/** A message of the server was larger than `maxMessageBytes`. */
export class MessageTooLargeError extends Error {
  override readonly name = "MessageTooLargeError";
  readonly code = "ERR_MCP_MESSAGE_TOO_LARGE";
  readonly server: string;
  readonly delivery: Delivery;
  /** The limit that was passed, in bytes. */
  readonly maxMessageBytes: number;

  constructor(
    server: string,
    details: { readonly maxMessageBytes: number; readonly delivery: Delivery; readonly cause?: unknown },
    what = `a message of more than ${details.maxMessageBytes} bytes (maxMessageBytes)`,
  ) {
    super(`Server "${server}" sent ${what}. Ask for less, or raise the limit.`, { cause: details.cause });
    this.server = server;
    this.maxMessageBytes = details.maxMessageBytes;
    this.delivery = details.delivery;
  }
}

/** A tool's structured content does not fit its output schema. The tool has run; what it returned is in `result`. */
export class OutputSchemaError extends Error {
  override readonly name = "OutputSchemaError";
  readonly code = "ERR_MCP_OUTPUT_SCHEMA";
  readonly server: string;
  readonly delivery: "sent" = "sent";
  readonly tool: string;
  /** Not a property of its own, so that whoever logs the error does not log what the tool returned. */
  readonly #result: CallToolResult;

  constructor(server: string, tool: string, problem: string, result: CallToolResult) {
    super(
      `Tool "${tool}" of server "${server}" ran, but ${problem}. Its result is in \`result\`. Report it to the ` +
        'server\'s author; outputSchemas: "report" returns such results.',
    );
    this.server = server;
    this.tool = tool;
    this.#result = result;
  }

  /** What the tool returned, unchanged. */
  get result(): CallToolResult {
    return this.#result;
  }
}

/** The client is closed, or was while the call was waiting. */
export class ClientClosedError extends Error {
  override readonly name = "ClientClosedError";
  readonly code = "ERR_MCP_CLOSED";
  /** The server of the call; undefined where the call was for none. */
  readonly server: string | undefined;
  readonly delivery: Delivery;

  constructor(server?: string, details: { readonly delivery?: Delivery | undefined; readonly cause?: unknown } = {}) {
    super("The client is closed. Create a new MinionClient.", { cause: details.cause });
    this.server = server;
    this.delivery = details.delivery ?? "not-sent";
  }
}

/** The configuration cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "ERR_MCP_CONFIG";
  /** The server whose entry is wrong; undefined where it is the whole configuration. */
  readonly server: string | undefined;
  /** The file that was read; undefined where an object was given. */
  readonly file: string | undefined;
  /** The key or the unset variable that is wrong; undefined where it is the whole entry. */
  readonly key: string | undefined;
  /** What is wrong, without where. */
  readonly problem: string;

  constructor(
    problem: string,
    details: {
      readonly server?: string | undefined;
      readonly file?: string | undefined;
      readonly key?: string | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    const parts = [details.file, details.server === undefined ? undefined : `server "${details.server}"`, details.key];
    const where = parts.filter((part) => part !== undefined).join(", ");
    super(where === "" ? problem : `${where}: ${problem}`, { cause: details.cause });
    this.server = details.server;
    this.file = details.file;
    this.key = details.key;
    this.problem = problem;
  }
}
