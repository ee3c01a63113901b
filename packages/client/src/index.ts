/// <reference lib="esnext.disposable" preserve="true" />
export type { CallOptions, ListOptions } from "./call-options.js";
export type { ConnectReport, QualifiedTool, ServerFailure, ToolCatalog } from "./catalog.js";
export type { MinionClientOptions, ServerRequestMethod } from "./client-options.js";
export {
  CallTimeoutError,
  ClientClosedError,
  ConfigError,
  ConnectError,
  HttpError,
  MessageTooLargeError,
  OutcomeUnknownError,
  OutputSchemaError,
  OverloadedError,
  ServerNotFoundError,
  ServerUnavailableError,
  SessionLostError,
  ToolNotFoundError,
} from "./errors.js";
export type {
  BreakerChanged,
  CallFinished,
  CallRetried,
  ClientEvent,
  ConfigKeyIgnored,
  Health,
  HealthChanged,
  ListRefreshed,
  MalformedTool,
  SessionClosed,
  SessionOpened,
} from "./events.js";
export { MinionClient } from "./minion-client.js";
export type { CallCounts, ServerStatus } from "./monitor.js";
export type { Transport } from "./policy.js";
export { qualifiedName } from "./qualified-name.js";
export type { Breaker, SessionPool, ToolListCache } from "./seams.js";
export type {
  CustomServer,
  HttpServer,
  RetryOptions,
  ServerConfig,
  ServerPolicy,
  StdioServer,
} from "./server-config.js";
export type { Delivery } from "./session/failure.js";
export type { ConnectContext, McpCallOptions, McpSession } from "./session/mcp-session.js";
export type { SessionLease } from "./session-lease.js";
