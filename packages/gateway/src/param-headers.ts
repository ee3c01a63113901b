import { isRecord } from "./is-record.js";

/** A parameter of a tool that is repeated in a header (`x-mcp-header`). */
interface Repeated {
  readonly path: readonly string[];
  readonly header: string;
}

/**
 * Where the `Mcp-Param-*` headers of a call do not say the same as its arguments: the header, and what the arguments say.
 * Undefined where they agree. Balancers may have routed the call by the headers, and only the arguments go on to the server.
 */
export function paramMismatch(
  inputSchema: unknown,
  args: unknown,
  headers: Headers,
): { readonly header: string; readonly body: string } | undefined {
  for (const { path, header } of repeatedIn(inputSchema)) {
    let value = args;
    for (const key of path) value = isRecord(value) ? value[key] : undefined;
    if (value == null || (typeof value === "object" && value !== null)) continue;
    const sent = decoded(headers.get(header));
    const isSame = typeof value === "number" ? isSameNumber(sent, value) : sent === String(value);
    if (!isSame) return { header, body: `${path.join(".")}=${JSON.stringify(value)}` };
  }
  return undefined;
}

function repeatedIn(schema: unknown, path: readonly string[] = []): readonly Repeated[] {
  const properties = isRecord(schema) && isRecord(schema.properties) ? schema.properties : {};
  return Object.entries(properties).flatMap(([key, property]) => {
    if (!isRecord(property)) return [];
    const name = property["x-mcp-header"];
    const own = [...path, key];
    return [
      ...(typeof name === "string" ? [{ path: own, header: `Mcp-Param-${name}` }] : []),
      ...repeatedIn(property, own),
    ];
  });
}

function isSameNumber(sent: string | undefined, value: number): boolean {
  return sent !== undefined && /^-?\d+(\.\d+)?$/.test(sent) && Number(sent) === value;
}

/** What a header says: as it stands, or by the base64 between `=?base64?` and `?=`; undefined where it is missing or wrong. */
function decoded(value: string | null): string | undefined {
  const coded = /^=\?base64\?(.*)\?=$/s.exec(value ?? "")?.[1];
  if (coded === undefined) return value ?? undefined;
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(coded)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(coded, "base64"));
  } catch {
    return undefined;
  }
}
