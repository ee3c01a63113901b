import { FaultController, hostOf, type ListName } from "./fault-controller.js";
import type { FaultSettings } from "./faults.js";
import { Flood } from "./flood.js";
import { HttpEndpoint } from "./http/http-endpoint.js";
import { Journal, type JournalEntry } from "./journal.js";
import { checkOptions, type ProtocolOptions, settingsOf } from "./options.js";

/** How {@link startChaosServer} starts. */
export interface ChaosServerOptions extends ProtocolOptions {
  /** The port. Default 0: any free one. */
  readonly port?: number | undefined;
  /** The address to listen on. Default "127.0.0.1". */
  readonly host?: string | undefined;
  /** Host names, beside the loopback ones, by which it may be called. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined;
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
  /** Ends the standing streams in good order: of sessions, and of subscriptions with their result. */
  dropStreams(): void;
  /** Ends the standing streams without a word. */
  cutStreams(): void;
  /** Tells every session and subscription so many times, 1 by default, that a list, by default of tools, has changed. */
  listChanged(count?: number, list?: ListName): void;
  /** Tells everybody who has subscribed to a resource so many times, 1 by default, that it was updated. */
  resourceUpdated(uri: string, count?: number): void;
  /** Ends every session and connection and frees the port. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a chaos server in this process, on a loopback address unless told otherwise: `/mcp`, `/sse` with `/messages`, `/control`.
 *
 * Faults marked "process" in the README do nothing here, and a crash is played: every socket is dropped and every
 * session forgotten. The caller owns the server and closes it.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value; rejects with the error of the port
 */
export async function startChaosServer(options: ChaosServerOptions = {}): Promise<ChaosServer> {
  const owner = "startChaosServer";
  checkOptions(owner, options, {
    port: "port",
    host: "host",
    allowedHosts: "hosts",
    faults: "faults",
    protocol: "fault",
    versions: "fault",
    journal: "file",
  });
  const journal = new Journal({ file: options.journal, inMemory: true });
  const controller = new FaultController({ owner, journal, faults: settingsOf(options) });
  const host = options.host ?? "127.0.0.1";
  const endpoint = new HttpEndpoint(controller, { host, allowedHosts: options.allowedHosts ?? [] });
  controller.setHost(hostOf(endpoint, { ownsProcess: false, crash: () => endpoint.restart(), spin: () => {} }));
  const flood = new Flood(controller);
  const port = await endpoint.listen(options.port ?? 0).catch((error: unknown) => {
    journal.close();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    flood.stop();
    closed ??= endpoint.close().then(() => journal.close());
    return closed;
  };
  return {
    ...urlsOf(port, host),
    port,
    journal: () => journal.entries(),
    set: (faults) => controller.set(faults),
    reset: () => controller.reset(),
    forgetSessions: () => endpoint.forgetSessions(),
    dropConnections: () => endpoint.dropConnections(),
    dropStreams: () => endpoint.dropStreams(),
    cutStreams: () => endpoint.cutStreams(),
    listChanged: (count = 1, list = "tools") => controller.obey({ action: "listChanged", count, list }),
    resourceUpdated: (uri, count = 1) => controller.obey({ action: "resourceUpdated", uri, count }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The addresses of a chaos server on a port. */
export function urlsOf(
  port: number,
  host: string,
): { readonly url: string; readonly sseUrl: string; readonly controlUrl: string } {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  const origin = `http://${name}:${port}`;
  return { url: `${origin}/mcp`, sseUrl: `${origin}/sse`, controlUrl: `${origin}/control` };
}
