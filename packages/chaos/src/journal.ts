import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Faults } from "./faults.js";
import type { JsonObject } from "./json.js";

/**
 * What a chaos server did, as it happened. The members beside `event`, `at` and `pid`:
 *
 * - `spawn`: a process of the server started; `grandchild`: it started a process of its own; `exit`: it is about to
 *   end. A process that has a `spawn` and no `exit` either lives or was killed.
 * - `eof`, `signal`: what a process was told to do, whether it obeyed or not.
 * - `control`: its control endpoint listens.
 * - `connection`: a socket was accepted, `open` of them are open now; `http`: a request arrived on one,
 *   with the JSON-RPC method and tool it carries, whether it was let through or not.
 * - `initialize`, `request`, `notification`: a JSON-RPC message arrived, whether it was answered or not.
 * - `sideEffect`: a tool did what it does, once per entry. `cancelled`: a tool was told to stop.
 * - `sessionClosed`: the client ended its session.
 * - `subscribed`, `unsubscribed`: a subscription of the modern era was acknowledged; it has ended, and how.
 * - `rejected`: a request of the modern era was refused with this code before anything was done.
 * - `refused`: a request came through a door that is not open to it: a foreign `Host` or `Origin`, or a body too large.
 * - `fault`: one of the faults has struck.
 */
export type JournalEvent =
  | { readonly event: "spawn"; readonly ppid: number }
  | { readonly event: "grandchild"; readonly child: number }
  | { readonly event: "exit"; readonly code: number }
  | { readonly event: "eof" }
  | { readonly event: "signal"; readonly name: string }
  | { readonly event: "control"; readonly url: string }
  | { readonly event: "connection"; readonly open: number }
  | {
      readonly event: "http";
      readonly method: string;
      readonly path: string;
      readonly session?: string | undefined;
      readonly rpc?: string | undefined;
      readonly tool?: string | undefined;
    }
  | { readonly event: "initialize"; readonly id: string | number; readonly session: string }
  | {
      readonly event: "request";
      readonly method: string;
      readonly tool?: string | undefined;
      readonly id: string | number;
      readonly session: string;
      /** The revision that the request claims, in the modern era. */
      readonly revision?: string | undefined;
    }
  | { readonly event: "notification"; readonly method: string; readonly session: string }
  | { readonly event: "sideEffect"; readonly tool: string; readonly key: string }
  | { readonly event: "cancelled"; readonly tool: string; readonly id: string | number }
  | { readonly event: "sessionClosed"; readonly session: string }
  | { readonly event: "subscribed"; readonly id: string | number; readonly granted: JsonObject }
  | { readonly event: "unsubscribed"; readonly id: string | number; readonly how: "client" | "graceful" | "cut" }
  | { readonly event: "rejected"; readonly code: number; readonly method: string; readonly reason: string }
  | { readonly event: "refused"; readonly status: number; readonly reason: string }
  | { readonly event: "fault"; readonly fault: keyof Faults; readonly detail: string };

/** One line of the journal: what happened, when (`at`, epoch milliseconds) and in which process. */
export type JournalEntry = JournalEvent & { readonly at: number; readonly pid: number };

/** Keeps the entries in memory, or appends them to a file that survives the process and may be shared by several. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #file: number | undefined;
  readonly #inMemory: boolean;
  #closed = false;

  constructor(options: { readonly file: string | undefined; readonly inMemory: boolean }) {
    this.#file = options.file === undefined ? undefined : openSync(options.file, "a");
    this.#inMemory = options.inMemory;
  }

  write(event: JournalEvent): void {
    const entry: JournalEntry = { ...event, at: Date.now(), pid: process.pid };
    if (this.#inMemory) this.#entries.push(entry);
    // One write of one whole line on a descriptor opened for appending: lines of several processes never mix.
    if (this.#file !== undefined && !this.#closed) writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  entries(): readonly JournalEntry[] {
    return [...this.#entries];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

/**
 * Reads a journal file.
 *
 * @returns its entries in order; `[]` where there is no such file yet. A last line still being written is left out.
 */
export function readJournal(file: string): JournalEntry[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line): JournalEntry => JSON.parse(line));
}
