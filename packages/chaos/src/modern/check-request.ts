import type { IncomingHttpHeaders } from "node:http";
import { claimedVersion, isModernVersion, metaKeys, modernVersion, supportedVersions } from "../era.js";
import type { Faults } from "../faults.js";
import { findTool } from "../features/lists.js";
import { isJsonObject, type JsonObject, objectOf } from "../json.js";
import { ModernError, modernCodes } from "./modern-error.js";
import { checkParameterHeaders, decodeHeader } from "./parameter-headers.js";

/** A request of the modern era that has passed every check. */
export interface ModernRequest {
  readonly id: string | number;
  readonly method: string;
  readonly params: JsonObject;
  readonly clientCapabilities: JsonObject;
  readonly logLevel: string | undefined;
  readonly progressToken: string | number | undefined;
}

const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/**
 * Checks a request in the order of the revision: shape, version, `_meta`, standard headers, headers of parameters.
 *
 * @param headers undefined over stdio
 * @throws ModernError what it is refused with
 */
export function checkRequest(
  message: JsonObject,
  headers: IncomingHttpHeaders | undefined,
  faults: Faults,
): ModernRequest {
  const { id, method, params } = message;
  if (message.jsonrpc !== "2.0" || typeof method !== "string") throw badShape("this is not a JSON-RPC request");
  if (typeof id !== "string" && !Number.isSafeInteger(id)) throw badShape("the id must be a string or an integer");
  checkVersion(message, headers, faults);
  const request: ModernRequest = {
    id: typeof id === "string" ? id : Number(id),
    method,
    params: objectOf(params),
    ...envelopeOf(params),
  };
  if (headers !== undefined) {
    checkHeaders(request, headers);
    const tool = method === "tools/call" && typeof request.params.name === "string" ? request.params.name : undefined;
    const listing = tool === undefined ? undefined : findTool(tool, faults)?.listing;
    if (listing !== undefined) checkParameterHeaders(listing.inputSchema, request.params.arguments, headers);
  }
  return request;
}

function checkVersion(message: JsonObject, headers: IncomingHttpHeaders | undefined, faults: Faults): void {
  const claimed = claimedVersion(message);
  const header = headers?.["mcp-protocol-version"];
  if (claimed === undefined) {
    if (headers !== undefined && isModernVersion(header)) throw badEnvelope(metaKeys.version, "is missing");
    if (headers === undefined && message.method !== "initialize") throw badEnvelope(metaKeys.version, "is missing");
    throw unsupported(objectOf(message.params).protocolVersion, faults);
  }
  if (typeof claimed !== "string") throw badEnvelope(metaKeys.version, "must be a string");
  if (headers !== undefined && header !== claimed) throw mismatch("MCP-Protocol-Version", claimed, header);
  if (claimed !== modernVersion) throw unsupported(claimed, faults);
}

function envelopeOf(params: unknown): Pick<ModernRequest, "clientCapabilities" | "logLevel" | "progressToken"> {
  const meta = objectOf(objectOf(params)._meta);
  const clientCapabilities = meta[metaKeys.capabilities];
  if (!isJsonObject(clientCapabilities)) {
    throw badEnvelope(metaKeys.capabilities, clientCapabilities === undefined ? "is missing" : "must be an object");
  }
  const logLevel = meta[metaKeys.logLevel];
  if (logLevel !== undefined && !(typeof logLevel === "string" && logLevels.includes(logLevel))) {
    throw badEnvelope(metaKeys.logLevel, `must be one of ${logLevels.join(", ")}`);
  }
  const { progressToken } = meta;
  if (progressToken !== undefined && typeof progressToken !== "string" && typeof progressToken !== "number") {
    throw badEnvelope("progressToken", "must be a string or a number");
  }
  return { clientCapabilities, logLevel, progressToken };
}

function checkHeaders({ method, params }: ModernRequest, headers: IncomingHttpHeaders): void {
  const said = headers["mcp-method"];
  if (said !== method) throw mismatch("Mcp-Method", method, said);
  const name =
    method === "resources/read" ? params.uri : ["tools/call", "prompts/get"].includes(method) ? params.name : undefined;
  const header = headers["mcp-name"];
  if (typeof name === "string" && decodeHeader(header) !== name) throw mismatch("Mcp-Name", name, header);
}

/** Whether a message of this level is wanted. */
export function isLogged(level: string, { logLevel }: ModernRequest): boolean {
  return logLevel !== undefined && logLevels.indexOf(level) >= logLevels.indexOf(logLevel);
}

/** The refusal of a request whose header does not say what its body says. */
export function mismatch(header: string, body: string, said: unknown): ModernError {
  const message = `Header mismatch: ${header} must be ${JSON.stringify(body)}, got ${JSON.stringify(said) ?? "none"}`;
  return new ModernError(modernCodes.headerMismatch, 400, message, { mismatch: { header, body } });
}

function unsupported(requested: unknown, faults: Faults): ModernError {
  const data = { supported: supportedVersions(faults), ...(typeof requested === "string" && { requested }) };
  return new ModernError(modernCodes.unsupportedVersion, 400, "Unsupported protocol version", data);
}

function badEnvelope(key: string, problem: string): ModernError {
  return new ModernError(-32602, 400, `Invalid _meta: ${key} ${problem}`, { envelope: { key, problem } });
}

function badShape(problem: string): ModernError {
  return new ModernError(-32600, 400, `Invalid request: ${problem}`);
}
