/// <reference lib="esnext.disposable" preserve="true" />
export { type ChaosCommand, type ChaosCommandOptions, chaosCommand } from "./chaos-command.js";
export { type ChaosProcess, type ChaosProcessOptions, spawnChaosServer } from "./chaos-process.js";
export { type ChaosServer, type ChaosServerOptions, startChaosServer } from "./chaos-server.js";
export type { ControlAction, ControlRequest, ListName } from "./fault-controller.js";
export type {
  Capability,
  ExtraTool,
  FaultSettings,
  Faults,
  FloodKind,
  LegacyVersion,
  LostSession,
  Target,
} from "./faults.js";
export { type JournalEntry, type JournalEvent, readJournal } from "./journal.js";
export type { JsonObject } from "./json.js";
export type { ProtocolOptions } from "./options.js";
