/**
 * The least an MCP server can be, without an SDK: it answers at once and costs next to nothing, so that what is measured
 * is the client. Schemas are those of real tools in size: ten properties each way.
 */
interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly text?: string }; readonly protocolVersion?: string };
}

/** The answer to one JSON-RPC message as text, `undefined` where none is due. */
export type Answer = (text: string, tools: number) => string | undefined;

/** That of a server of revision 2026-07-28, or of the revisions before. */
export function answerOf(protocol: string | undefined): Answer {
  return protocol === "modern" ? answerToday : answer;
}

/** By revision 2026-07-28, as far as a client needs it. */
function answerToday(text: string, tools: number): string | undefined {
  const { id, method, params }: Message = JSON.parse(text);
  if (id === undefined) return undefined;
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)}`;
  const result = `${head},"result":{"resultType":"complete",`;
  const hints = '"ttlMs":0,"cacheScope":"private"';
  switch (method) {
    case "server/discover":
      return `${result}"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},${hints}}}`;
    case "tools/list":
      return `${result}${toolList(tools).slice(1, -1)},${hints}}}`;
    case "tools/call":
      return `${result}"content":[{"type":"text","text":${JSON.stringify(params?.arguments?.text ?? "")}}]}}`;
    default:
      return `${head},"error":{"code":-32601,"message":"Method not found"}}`;
  }
}

function answer(text: string, tools: number): string | undefined {
  const { id, method, params }: Message = JSON.parse(text);
  if (id === undefined) return undefined;
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)}`;
  switch (method) {
    case "initialize":
      return `${head},"result":${JSON.stringify({
        protocolVersion: params?.protocolVersion ?? "2025-06-18",
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "lean", version: "1.0.0" },
      })}}`;
    case "tools/list":
      return `${head},"result":${toolList(tools)}}`;
    case "tools/call":
      return `${head},"result":{"content":[{"type":"text","text":${JSON.stringify(params?.arguments?.text ?? "")}}]}}`;
    case "ping":
      return `${head},"result":{}}`;
    default:
      return `${head},"error":{"code":-32601,"message":"Method not found"}}`;
  }
}

const lists = new Map<number, string>();

function toolList(count: number): string {
  const known = lists.get(count);
  if (known !== undefined) return known;
  const text = JSON.stringify({
    tools: [echo, ...Array.from({ length: count - 1 }, (_, index) => generatedTool(index))],
  });
  lists.set(count, text);
  return text;
}

const echo = {
  name: "echo",
  description: "Returns what it was given.",
  inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
};

export interface GeneratedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly outputSchema: object;
}

/** A tool with an output schema of its own, as no two tools of a real server share one. */
export function generatedTool(index: number): GeneratedTool {
  const properties = Object.fromEntries(
    Array.from({ length: 10 }, (_, field) => [
      `field_${index}_${field}`,
      { type: field % 2 === 0 ? "string" : "number", description: "One of ten." },
    ]),
  );
  return {
    name: `generated_${index}`,
    description: "Does something with ten fields.",
    inputSchema: { type: "object", properties },
    outputSchema: { type: "object", properties, required: [`field_${index}_0`] },
  };
}
