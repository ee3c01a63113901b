import type { Delivery } from "./errors.js";

/**
 * The request was not authorized: the user has to log in first (`finishAuth()` ends that), the server answered 401 or 403, or
 * the application's own `headers()` or `authProvider` failed. What was refused has not run, and the server is not to blame.
 */
export class AuthorizationError extends Error {
  override readonly name = "AuthorizationError";
  readonly code = "ERR_MCP_AUTHORIZATION";
  readonly server: string;
  /** "sent" only where the call had been sent before, when its answer was lost. */
  readonly delivery: Delivery;
  /** The HTTP status of the refusal; undefined where the application's own code failed. */
  readonly status: number | undefined;
  /** The scopes that the server asks for, separated by spaces, where it says so. */
  readonly scope: string | undefined;
  /** The server's `WWW-Authenticate`, where it sent one: untrusted text. */
  readonly challenge: string | undefined;

  constructor(
    server: string,
    reason: string,
    details: {
      readonly delivery?: Delivery | undefined;
      readonly status?: number | undefined;
      readonly scope?: string | undefined;
      readonly challenge?: string | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    const advice = "Check its headers or authProvider.";
    super(`A request to server "${server}" was not authorized: ${reason}. ${advice}`, { cause: details.cause });
    this.server = server;
    this.delivery = details.delivery ?? "not-sent";
    this.status = details.status;
    this.scope = details.scope;
    this.challenge = details.challenge;
  }
}
