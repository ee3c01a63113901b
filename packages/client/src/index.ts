/// <reference lib="esnext.disposable" preserve="true" />
export { AuthorizationError } from "./authorization-error.js";
export type {
  CallOptions,
  ConnectOptions,
  FinishAuthOptions,
  ListAllOptions,
  ListOptions,
  PingOptions,
} from "./config/call-options.js";
export type {
  MinionClientOptions,
  OnServerRequest,
  ServerRequest,
  ServerRequestContext,
  ServerRequestMethod,
} from "./config/client-options.js";
export type { ConfigHost } from "./config/config-file.js";
export type { FromConfigOptions } from "./config/from-config-options.js";
export type { NameOptions } from "./config/name-options.js";
export type { Transport } from "./config/policy.js";
export type { ConfigEntryReport, ConfigReport } from "./config/read-config.js";
export type {
  CustomServer,
  HttpServer,
  ProtocolVersion,
  RetryOptions,
  ServerConfig,
  ServerPolicy,
  StdioServer,
  ToolFilter,
} from "./config/server-config.js";
export type { SessionOptions } from "./direct.js";
export type { Delivery } from "./errors.js";
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
  ListChanged,
  ListCutShort,
  ListRefreshed,
  MalformedTool,
  SchemaSkipped,
  ServerNotification,
  SessionClosed,
  SessionOpened,
} from "./events.js";
export { type InputRequests, InputRequiredError } from "./input-required-error.js";
export type {
  Breaker,
  BreakerContext,
  CacheContext,
  ListCodec,
  ListName,
  SessionPool,
  ToolListCache,
} from "./interfaces.js";
export type { ConnectReport, QualifiedTool, ServerFailure, ToolCatalog } from "./lists/catalog.js";
export { qualifiedName } from "./lists/qualified-name.js";
export type { ConnectContext, McpCallOptions, McpSession } from "./mcp-session.js";
export { MinionClient } from "./minion-client.js";
export type { ServerInfo } from "./session/connection.js";
export type { SessionLease } from "./session-lease.js";
export type { CallCounts, ServerStatus } from "./status.js";
