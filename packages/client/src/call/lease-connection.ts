import type { Lease } from "@minion/pool";
import type { Call } from "../call.js";
import { ClientClosedError, OverloadedError } from "../errors.js";
import type { SessionPool } from "../interfaces.js";
import type { McpSession } from "../mcp-session.js";
import { type Connection, connectionOf } from "../session/connection.js";
import { Failure } from "../session/failure.js";
import { messageOf } from "../text.js";

/** A leased connection. */
export interface LeasedConnection {
  readonly connection: Connection;
  readonly lease: Lease<McpSession>;
}

/**
 * Leases a connection for a call. Rejects with the deadline's reason, with a `Failure` where none could be opened, with
 * {@link OverloadedError} where the queue is full, with {@link ClientClosedError} where the pool is closed.
 */
export async function leaseConnection(
  pool: SessionPool,
  server: string,
  key: string,
  call: Pick<Call, "deadline" | "priority">,
): Promise<LeasedConnection> {
  const { deadline, priority } = call;
  let lease: Lease<McpSession>;
  try {
    // The call's own deadline is the only one.
    const { signal, timeoutMs } = deadline.patience;
    lease = await pool.acquire(key, { signal, timeoutMs, priority });
  } catch (error) {
    if (codeOf(error) === "ERR_POOL_TIMEOUT" && deadline.leftMs < 2) deadline.expire();
    if (deadline.aborted) throw deadline.reason;
    throw explained(error, server);
  }
  const connection = connectionOf(lease.resource);
  if (connection === undefined) {
    lease.release();
    throw new TypeError("The pool gave out a session that its create() did not make");
  }
  return { connection, lease };
}

/** Sends a call over a connection. Rejects with the deadline's reason or with a `Failure`. */
export async function sendOver(connection: Connection, call: Call, onStarted?: () => void): Promise<unknown> {
  const { deadline, method, needs, params, target, onProgress } = call;
  if (needs !== undefined && connection.lacks(needs.capability)) return needs.otherwise;
  const isWatched = onProgress !== undefined || deadline.isExtended;
  try {
    return await connection.send(
      { method, params },
      {
        signal: deadline,
        call: { method, target, pause: () => deadline.pause() },
        onStarted,
        onSent: () => deadline.markSent(),
        ...(isWatched && {
          onProgress: (progress) => {
            deadline.onProgress();
            try {
              const returned: unknown = onProgress?.(progress);
              if (returned instanceof Promise) returned.catch(() => {});
            } catch {}
          },
        }),
      },
    );
  } catch (error) {
    if (error instanceof Failure && error.delivery === "not-sent") deadline.markNotSent();
    throw error;
  }
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
      return new Failure("connect", messageOf(error), { delivery: "not-sent", cause: error });
    default:
      return error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
