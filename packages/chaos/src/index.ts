/// <reference lib="esnext.disposable" preserve="true" />
export { type ChaosCommand, type ChaosCommandOptions, chaosCommand } from "./chaos-command.js";
export { type ChaosProcess, type ChaosProcessOptions, spawnChaosServer } from "./chaos-process.js";
export { type ChaosServer, type ChaosServerOptions, startChaosServer } from "./chaos-server.js";
export type { ControlAction, ControlRequest } from "./fault-controller.js";
export type { FaultSettings, Faults } from "./faults.js";
export { type JournalEntry, type JournalEvent, readJournal } from "./journal.js";
