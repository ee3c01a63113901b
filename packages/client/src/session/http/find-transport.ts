import type { Cancellation } from "../../cancellation.js";
import type { Greets } from "../era/agree.js";
import type { ServerMemory } from "../era/server-memory.js";
import { Failure } from "../failure.js";
import { isNoEndpoint } from "./status-failure.js";

type Kind = "http" | "sse";

/** How long the `endpoint` event is waited for of a server that may have none, and of one that had one before. */
const firstPatienceMs = 1_000;
const knownPatienceMs = 5_000;

/** One attempt to open a connection. */
export interface TransportAttempt {
  readonly kind: Kind;
  readonly greets: Greets;
  /** Ends the attempt before the transport is there. */
  readonly patience?: AbortSignal | undefined;
  /** Called when the transport is there: over HTTP+SSE with the `endpoint` event. */
  readonly onStarted?: (() => void) | undefined;
}

/** What is known of a server before a connection is opened, and how one is. */
export interface TransportSearch<T> {
  readonly configured: Kind | undefined;
  /** Whether the server is asked which revision it speaks: none is pinned. */
  readonly isAsked: boolean;
  readonly memory: ServerMemory;
  readonly signal: Cancellation;
  readonly open: (attempt: TransportAttempt) => Promise<T>;
}

type Tried<T> = { readonly connection: T } | { readonly refusal: unknown; readonly isSilent: boolean };

/**
 * Opens a connection by the transport that is configured. Where none is, by streamable HTTP, and by HTTP+SSE where that is
 * refused with 400, 404 or 405. What was found is remembered, and looked for again where it is not there any more. A server
 * that refuses to be asked what it speaks without a JSON-RPC message is greeted by streamable HTTP only after HTTP+SSE.
 */
export async function findTransport<T>(search: TransportSearch<T>): Promise<T> {
  const { configured, memory, open, signal } = search;
  if (configured !== undefined) return await open({ kind: configured, greets: "if-refused" });
  const end = await memory.transportTurn.take(signal);
  try {
    return await find(search);
  } finally {
    end();
  }
}

async function find<T>(search: TransportSearch<T>): Promise<T> {
  const { isAsked, memory } = search;
  let sse = memory.transport === "sse" ? await trySse(search, knownPatienceMs) : undefined;
  if (sse !== undefined && "connection" in sse) return sse.connection;
  if (sse !== undefined && isTelling(sse.refusal)) throw sse.refusal;
  const isGreeted = !isAsked || memory.era === "legacy";
  const asked = await tryHttp(search, "if-answered");
  if ("connection" in asked) return asked.connection;
  sse ??= await trySse(search, firstPatienceMs);
  if ("connection" in sse) return sse.connection;
  const greeted = isGreeted ? asked : await tryHttp(search, "at-once");
  if ("connection" in greeted) return greeted.connection;
  // There is nothing else, so that there is time for a slow one.
  if (sse.isSilent) sse = await trySse(search);
  if ("connection" in sse) return sse.connection;
  memory.transport = undefined;
  throw isTelling(sse.refusal) ? sse.refusal : greeted.refusal;
}

/** Rejects where a refusal says nothing about the transport. */
async function tryHttp<T>({ memory, open }: TransportSearch<T>, greets: Greets): Promise<Tried<T>> {
  try {
    const connection = await open({ kind: "http", greets });
    memory.transport = "http";
    return { connection };
  } catch (refusal) {
    if (!isNoEndpoint(refusal)) throw refusal;
    return { refusal, isSilent: false };
  }
}

/** Rejects where the transport is there and the server refuses all the same. */
async function trySse<T>({ memory, open, signal }: TransportSearch<T>, withinMs?: number): Promise<Tried<T>> {
  const patience = new AbortController();
  const problem = `the server named no address to post to within ${withinMs} ms`;
  const silence = new Failure("connect", problem, { delivery: "not-sent" });
  const timer = withinMs === undefined ? undefined : setTimeout(() => patience.abort(silence), withinMs);
  let isThere = false;
  try {
    const connection = await open({
      kind: "sse",
      greets: "if-refused",
      patience: patience.signal,
      onStarted: () => {
        clearTimeout(timer);
        memory.transport = "sse";
        isThere = true;
      },
    });
    return { connection };
  } catch (refusal) {
    if (isThere || signal.aborted) throw refusal;
    return { refusal, isSilent: patience.signal.aborted };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether somebody who may well speak the transport refuses for a reason of another kind. */
function isTelling(refusal: unknown): boolean {
  if (!(refusal instanceof Failure)) return false;
  return refusal.kind === "application" || (refusal.kind === "http" && !isNoEndpoint(refusal));
}
