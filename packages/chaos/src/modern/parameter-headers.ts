import type { IncomingHttpHeaders } from "node:http";
import { type JsonObject, objectOf } from "../json.js";
import { ModernError, modernCodes } from "./modern-error.js";

/** The value of a header as it was before it was encoded; undefined where it is not there or cannot be decoded. */
export function decodeHeader(value: string | string[] | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  const coded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (coded === undefined) return value;
  return /^[A-Za-z0-9+/]*={0,2}$/.test(coded) ? Buffer.from(coded, "base64").toString("utf8") : undefined;
}

/**
 * Checks the `Mcp-Param-*` headers of a call against its arguments.
 *
 * @throws ModernError -32020 where one is missing, is there without a value, or has another value
 */
export function checkParameterHeaders(schema: unknown, args: unknown, headers: IncomingHttpHeaders): void {
  for (const [name, schemaProperty] of Object.entries(objectOf(objectOf(schema).properties))) {
    const value = objectOf(args)[name];
    const property = objectOf(schemaProperty);
    const suffix = property["x-mcp-header"];
    if (typeof suffix === "string") checkOne(`Mcp-Param-${suffix}`, value, property, headers);
    else checkParameterHeaders(property, value, headers);
  }
}

function checkOne(header: string, value: unknown, { type }: JsonObject, headers: IncomingHttpHeaders): void {
  const said = decodeHeader(headers[header.toLowerCase()]);
  const isAbsent = value === undefined || value === null;
  const body = isAbsent ? undefined : String(value);
  const isEqual =
    type === "integer" && body !== undefined && said !== undefined && said.trim() !== ""
      ? Number(said) === Number(body)
      : said === body;
  if (isEqual) return;
  const message = `Header mismatch: ${header} must be ${JSON.stringify(body) ?? "absent"}, got ${JSON.stringify(said) ?? "none"}`;
  throw new ModernError(modernCodes.headerMismatch, 400, message, { mismatch: { header, body: body ?? null } });
}
