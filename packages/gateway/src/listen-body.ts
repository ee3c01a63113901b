import { isRecord } from "./is-record.js";

/** The body of a `subscriptions/listen` request that names resources. */
export interface ListenBody {
  readonly uris: readonly string[];
  /** The body with other URIs in place of its own. */
  readonly withUris: (uris: readonly string[]) => unknown;
}

/** Reads the body of a request; undefined where it does not subscribe to resources, or is not in order. */
export function listenBody(request: Request, body: unknown): ListenBody | undefined {
  if (request.headers.get("mcp-method") !== "subscriptions/listen") return undefined;
  if (!isRecord(body) || body.method !== "subscriptions/listen" || !isRecord(body.params)) return undefined;
  const { params } = body;
  const { notifications } = params;
  if (!isRecord(notifications)) return undefined;
  const uris = notifications.resourceSubscriptions;
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === "string")) return undefined;
  return {
    uris,
    withUris: (resourceSubscriptions) => ({
      ...body,
      params: { ...params, notifications: { ...notifications, resourceSubscriptions } },
    }),
  };
}
