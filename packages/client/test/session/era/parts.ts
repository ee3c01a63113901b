import type { Greeting } from "../../../src/session/era/dialect.js";
import { Failure } from "../../../src/session/failure.js";

/** What a server may say of itself. */
export function greeting(): Greeting {
  return { protocolVersion: "2026-07-28", name: "one", version: "1", instructions: undefined, capabilities: {} };
}

/** A refusal of the server by a JSON-RPC error. */
export function rpcRefusal(code: number): Failure {
  return new Failure("rpc", "refused", { delivery: "sent", cause: { code } });
}
