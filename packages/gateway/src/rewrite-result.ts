import { isRecord } from "./is-record.js";
import { gatewayUri } from "./resource-uri.js";

/**
 * A result of a server with its URIs as the gateway has them: those of resource links, embedded resources and contents
 * that were read. Whatever else is in it passes as it is.
 */
export function rewriteResult(
  method: string,
  result: Record<string, unknown>,
  server: string,
): Record<string, unknown> {
  switch (method) {
    case "tools/call":
      return withMember(result, "content", (content) => eachOf(content, (item) => rewriteContent(item, server)));
    case "prompts/get":
      return withMember(result, "messages", (messages) =>
        eachOf(messages, (message) =>
          isRecord(message) ? withMember(message, "content", (content) => rewriteContents(content, server)) : message,
        ),
      );
    case "resources/read":
      return withMember(result, "contents", (contents) => eachOf(contents, (item) => withUri(item, server)));
    default:
      return result;
  }
}

/** What goes with an error of a server: for a resource that there is not, its URI as the gateway has it. */
export function rewriteErrorData(method: string, data: unknown, server: string): unknown {
  return method === "resources/read" && server !== "" ? withUri(data, server) : data;
}

function rewriteContents(content: unknown, server: string): unknown {
  return Array.isArray(content)
    ? eachOf(content, (item) => rewriteContent(item, server))
    : rewriteContent(content, server);
}

function rewriteContent(item: unknown, server: string): unknown {
  if (!isRecord(item)) return item;
  if (item.type === "resource_link") return withUri(item, server);
  if (item.type === "resource") return withMember(item, "resource", (resource) => withUri(resource, server));
  return item;
}

function withUri(item: unknown, server: string): unknown {
  if (!isRecord(item)) return item;
  return withMember(item, "uri", (uri) => (typeof uri === "string" ? gatewayUri(server, uri) : uri));
}

function eachOf(list: unknown, change: (item: unknown) => unknown): unknown {
  return Array.isArray(list) ? list.map(change) : list;
}

function withMember(
  record: Record<string, unknown>,
  name: string,
  change: (value: unknown) => unknown,
): Record<string, unknown> {
  return Object.hasOwn(record, name) ? { ...record, [name]: change(record[name]) } : record;
}
