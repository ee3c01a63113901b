import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../../untrusted.js";
import { settledWithin } from "../abort.js";
import type { ExchangeInit } from "../connection.js";
import type { Exchange } from "../exchange.js";
import { withProgressToken } from "../exchange-sender.js";
import type { RpcChannel } from "../exchanges.js";
import { Failure } from "../failure.js";
import { forget } from "../quietly.js";
import type { Wire } from "../wire.js";
import { type Dialect, type Greeting, greetingOf } from "./dialect.js";
import { legacyVersions } from "./protocol-versions.js";
import type { ServerMemory } from "./server-memory.js";

/** Some servers answer the request for a stream when they have something to say by it: that is waited for once. */
const maxStreamMs = 5_000;

/** How a connection by a revision with a handshake is opened. */
export interface LegacyOptions {
  readonly channel: RpcChannel;
  readonly wire: Wire;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly capabilities: ClientCapabilities;
  /** The time in which the connection has to be open, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly memory: ServerMemory;
  /** The only revision that will do; undefined where any is welcome. */
  readonly version: string | undefined;
  /** Whether the connection is still to be one of this era when the handshake is answered. */
  readonly isWanted: () => boolean;
}

/** The revisions up to 2025-11-25: a handshake, a session, a stream on which the server speaks unasked, and ping. */
export class LegacyDialect implements Dialect {
  readonly greeting: Greeting;
  readonly pingMethod = "ping";
  readonly #channel: RpcChannel;
  readonly #options: LegacyOptions;

  private constructor(options: LegacyOptions, greeting: Greeting) {
    this.#channel = options.channel;
    this.#options = options;
    this.greeting = greeting;
  }

  /** Makes the handshake. Rejects with a `Failure`. */
  static async open(options: LegacyOptions): Promise<LegacyDialect> {
    const { channel, wire, clientInfo, capabilities, version } = options;
    const wanted = version ?? legacyVersions[0];
    wire.setProtocolVersion?.(undefined);
    const result = await channel.call("initialize", { protocolVersion: wanted, capabilities, clientInfo });
    if (!isObject(result) || typeof result.protocolVersion !== "string" || !isObject(result.serverInfo))
      throw new Failure("invalid-result", "its answer to initialize is not a valid one", { delivery: "sent" });
    const { protocolVersion, serverInfo } = result;
    if (version === undefined ? !legacyVersions.includes(protocolVersion) : protocolVersion !== version) {
      const known = version ?? legacyVersions.join(", ");
      const problem = `the server wants to speak MCP revision ${protocolVersion.slice(0, 50)}, and this client ${known}`;
      throw new Failure("connect", problem, { delivery: "sent" });
    }
    if (!options.isWanted()) throw new Failure("closed", "another revision was agreed upon", { delivery: "sent" });
    wire.setProtocolVersion?.(protocolVersion);
    const dialect = new LegacyDialect(options, greetingOf(protocolVersion, result, serverInfo));
    await channel.notify("notifications/initialized");
    return dialect;
  }

  send({ method, params }: ExchangeInit, exchange: Exchange): () => void {
    const sent = exchange.onProgress === undefined ? params : withProgressToken(params, exchange.progressToken);
    const id = this.#channel.post({ method, params: sent }, exchange);
    return () => {
      this.#channel.drop(id);
      if (exchange.delivery === "not-sent") return;
      forget(this.#channel.notify("notifications/cancelled", { requestId: id, reason: "cancelled by the caller" }));
    };
  }

  async listen(): Promise<void> {
    const { wire, capabilities, connectTimeoutMs, memory } = this.#options;
    let isSilent = true;
    const answered = wire.listen?.().then(() => {
      isSilent = false;
      memory.hasSilentStream = false;
    });
    // What a server asks under a call, by a stream that does not stand yet, is lost, and the call waits for ever.
    const mayAsk = Object.keys(capabilities).length > 0;
    if (answered === undefined || !mayAsk || memory.hasSilentStream) return;
    await settledWithin(answered, Math.min(maxStreamMs, connectTimeoutMs / 4));
    memory.hasSilentStream ||= isSilent;
  }

  takes(): boolean {
    return false;
  }

  close(): void {}
}
