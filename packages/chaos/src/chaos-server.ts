import { Conductor } from "./conductor.js";
import type { FaultSettings } from "./faults.js";
import { HttpEndpoint } from "./http-endpoint.js";
import { Journal, type JournalEntry } from "./journal.js";
import { checkOptions } from "./options.js";

/** How {@link startChaosServer} starts. */
export interface ChaosServerOptions {
  /** The port on 127.0.0.1. Default 0: any free one. */
  readonly port?: number | undefined;
  /** What it does wrong from the start, and again after `reset()`. Default: nothing. */
  readonly faults?: FaultSettings | undefined;
  /** A file to which the journal is appended too. Default: memory only. */
  readonly journal?: string | undefined;
}

/** A chaos server over HTTP in this process. */
export interface ChaosServer extends AsyncDisposable {
  /** Where streamable HTTP is served: `http://127.0.0.1:PORT/mcp`. */
  readonly url: string;
  /** Where the older HTTP with SSE transport is served: `http://127.0.0.1:PORT/sse`. */
  readonly sseUrl: string;
  /** Where it can be controlled from another process: `http://127.0.0.1:PORT/control`. */
  readonly controlUrl: string;
  readonly port: number;
  /** What happened so far, a copy. */
  journal(): readonly JournalEntry[];
  /** Changes some faults, the others stay; undefined switches one off. Throws like {@link startChaosServer}. */
  set(faults: FaultSettings): void;
  /** Back to the faults of the start. */
  reset(): void;
  /** Forgets every session: the next request on each is a 404. Streams and calls under way go on. */
  forgetSessions(): void;
  /** Destroys every socket, now. */
  dropConnections(): void;
  /** Ends the standing streams in good order. */
  dropStreams(): void;
  /** Tells every session so many times, 1 by default, that the tool list has changed. */
  listChanged(count?: number): void;
  /** Ends every session and connection and frees the port. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a chaos server in this process, on 127.0.0.1: `/mcp`, `/sse` with `/messages`, `/control`.
 *
 * Faults marked "process" in the README do nothing here, and a crash is played: every socket is dropped and every
 * session forgotten. The caller owns the server and closes it.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value; rejects with the error of the port
 */
export async function startChaosServer(options: ChaosServerOptions = {}): Promise<ChaosServer> {
  const owner = "startChaosServer";
  checkOptions(owner, options, { port: "port", faults: "faults", journal: "file" });
  const journal = new Journal({ file: options.journal, inMemory: true });
  const conductor = new Conductor({ owner, journal, faults: options.faults });
  const endpoint = new HttpEndpoint(conductor);
  const dropConnections = (): void => endpoint.dropConnections();
  const forgetSessions = (): void => endpoint.forgetSessions();
  const dropStreams = (): void => endpoint.dropStreams();
  const listChanged = (count: number): void => endpoint.listChanged(count);
  const crash = (): void => {
    forgetSessions();
    dropConnections();
  };
  conductor.setHost({
    ownsProcess: false,
    crash,
    spin: () => {},
    forgetSessions,
    dropConnections,
    dropStreams,
    listChanged,
  });
  const port = await endpoint.listen(options.port ?? 0).catch((error: unknown) => {
    journal.close();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= endpoint.close().then(() => journal.close());
    return closed;
  };
  return {
    ...urlsOf(port),
    port,
    journal: () => journal.entries(),
    set: (faults) => conductor.set(faults),
    reset: () => conductor.reset(),
    forgetSessions,
    dropConnections,
    dropStreams,
    listChanged: (count = 1) => conductor.obey({ action: "listChanged", count }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The addresses of a chaos server on a port. */
export function urlsOf(port: number): { readonly url: string; readonly sseUrl: string; readonly controlUrl: string } {
  const origin = `http://127.0.0.1:${port}`;
  return { url: `${origin}/mcp`, sseUrl: `${origin}/sse`, controlUrl: `${origin}/control` };
}
