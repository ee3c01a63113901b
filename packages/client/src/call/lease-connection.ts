import type { AcquireOptions, Lease } from "@minion/pool";
import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import type { Call } from "../call.js";
import { NoFurtherConnection } from "../connections/opening-gate.js";
import type { Refusals } from "../connections/refusals.js";
import type { Deadline } from "../deadline.js";
import { ClientClosedError, OverloadedError } from "../errors.js";
import type { SessionPool } from "../interfaces.js";
import type { McpSession } from "../mcp-session.js";
import type { Connection } from "../session/connection.js";
import { Failure } from "../session/failure.js";
import { connectionOf } from "../session/session-connection.js";
import { messageOf } from "../untrusted.js";
import { type ServerVerdict, serverVerdict } from "./server-verdict.js";

/** A leased connection. */
export interface LeasedConnection {
  readonly connection: Connection;
  readonly lease: Lease<McpSession>;
}

/** How long and how urgently a connection is waited for. */
export type Wait = Pick<AcquireOptions, "priority"> &
  (
    | { readonly deadline: Deadline; readonly refusals: Refusals | undefined }
    | { readonly limits: Pick<AcquireOptions, "signal" | "timeoutMs"> }
  );

/**
 * Leases a connection. Rejects with the deadline's reason, with a `Failure` where none could be opened, with
 * {@link OverloadedError} where the queue is full, with {@link ClientClosedError} where the pool is closed.
 */
export async function leaseConnection(
  pool: SessionPool,
  server: string,
  key: string,
  wait: Wait,
): Promise<LeasedConnection> {
  const deadline = "deadline" in wait ? wait.deadline : undefined;
  let lease: Lease<McpSession>;
  try {
    lease = await acquire(pool, key, wait);
  } catch (error) {
    // The pool was given the call's own deadline: its timeout is the deadline's end.
    if (deadline !== undefined && codeOf(error) === "ERR_POOL_TIMEOUT" && deadline.leftMs < 2) deadline.expire();
    if (deadline?.aborted) throw deadline.reason;
    throw explained(error, server);
  }
  const connection = connectionOf(lease.resource);
  if (connection === undefined) {
    lease.release();
    throw new TypeError("The pool gave out a session that its create() did not make");
  }
  return { connection, lease };
}

async function acquire(pool: SessionPool, key: string, wait: Wait): Promise<Lease<McpSession>> {
  for (;;) {
    try {
      if (!("deadline" in wait)) return await pool.acquire(key, { ...wait.limits, priority: wait.priority });
      const { deadline, refusals, priority } = wait;
      if (refusals === undefined) {
        const { signal, timeoutMs } = deadline.acquireLimits;
        return await pool.acquire(key, { signal, timeoutMs, priority });
      }
      const timeoutMs = Number.POSITIVE_INFINITY;
      return await refusals.during(key, deadline, (signal) => pool.acquire(key, { signal, timeoutMs, priority }));
    } catch (error) {
      // No further connection can be opened for now: queue again for those that are open.
      if (!(error instanceof NoFurtherConnection)) throw error;
    }
  }
}

/**
 * Sends a call over a connection. Rejects with the deadline's reason or with a `Failure`. `onStarted` is told when it begins
 * to wait for nothing but the server, and when that is not so any more.
 */
export async function sendOver(
  connection: Connection,
  call: Call,
  onStarted?: (isStarted: boolean) => void,
): Promise<unknown> {
  const { capabilities, deadline, method, needs, params, serverTime, target, onProgress } = call;
  if (needs !== undefined && connection.lacks(needs.capability)) return needs.otherwise;
  const isWatched = onProgress !== undefined || deadline.isExtended;
  try {
    return await connection.send(
      { method, params, capabilities },
      {
        signal: deadline,
        call: { method, target, pause: () => deadline.pause() },
        onStarted: () => {
          serverTime.start();
          onStarted?.(true);
        },
        onSent: () => deadline.markSent(),
        onWaiting: () => {
          serverTime.stop();
          onStarted?.(false);
          deadline.markNotSent();
        },
        onProgress: isWatched ? (progress) => noteProgress(call, progress) : undefined,
      },
    );
  } catch (error) {
    if (error instanceof Failure && error.delivery === "not-sent") deadline.markNotSent();
    else if (error instanceof Failure && !isAnswer(error)) deadline.markLost();
    throw error;
  } finally {
    serverTime.stop();
  }
}

function noteProgress({ deadline, onProgress }: Call, progress: Progress): void {
  deadline.onProgress();
  try {
    const returned: unknown = onProgress?.(progress);
    if (returned instanceof Promise) returned.catch(() => {});
  } catch {}
}

/** The same over a connection of one's own, before which no replica and no breaker stands. */
export async function sendWithVerdict(
  connection: Connection,
  call: Call,
  onVerdict: (verdict: ServerVerdict) => void,
): Promise<unknown> {
  let awaitedServer = false;
  const onStarted = (isStarted: boolean): void => {
    awaitedServer = isStarted;
  };
  try {
    const answer = await sendOver(connection, call, onStarted);
    onVerdict("alive");
    return answer;
  } catch (error) {
    onVerdict(serverVerdict({ error, deadlineEnd: call.deadline.end, awaitedServer }));
    throw error;
  }
}

function isAnswer({ kind }: Failure): boolean {
  return kind === "rpc" || kind === "invalid-result" || kind === "too-large";
}

function explained(error: unknown, server: string): unknown {
  if (error instanceof Failure) return error;
  switch (codeOf(error)) {
    case "ERR_POOL_QUEUE_FULL":
      return new OverloadedError(server, { cause: error });
    case "ERR_POOL_CLOSED":
      return new ClientClosedError(server, { cause: error });
    case "ERR_POOL_CREATE":
    case "ERR_POOL_TIMEOUT":
    case "ERR_POOL_VALIDATION":
      return new Failure("connect", messageOf(error), { delivery: "not-sent", isOpening: true, cause: error });
    default:
      return error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
