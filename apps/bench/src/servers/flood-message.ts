/** What a server can pour out. */
export const floodKinds = [
  "noise",
  "log notifications",
  "pings",
  "unknown answers",
  "progress",
  "list_changed",
  "requests",
  "stderr",
] as const;

export type FloodKind = (typeof floodKinds)[number];

/** The `number`th line of a flood; `token` is the progress token of the call that is under way. */
export function floodLine(kind: FloodKind, number: number, token: unknown): string {
  switch (kind) {
    case "noise":
      return "y";
    case "stderr":
      return "something is wrong, and it is said again and again";
    case "log notifications":
      return message({ method: "notifications/message", params: { level: "info", data: `line ${number}` } });
    case "pings":
      return message({ id: `p${number}`, method: "ping" });
    case "unknown answers":
      return message({ id: `nobody-${number}`, result: {} });
    case "progress":
      return message({ method: "notifications/progress", params: { progressToken: token, progress: number } });
    case "list_changed":
      return message({ method: "notifications/tools/list_changed" });
    case "requests":
      return message({ id: `r${number}`, method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } });
  }
}

function message(content: object): string {
  return JSON.stringify({ jsonrpc: "2.0", ...content });
}
