import { z } from "zod";
import type { JsonObject } from "../json.js";
import { type ChaosTool, defineTool, text } from "./tool.js";

/** One red pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";
/** The header of a WAVE file without samples. */
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

const blocks: { readonly [kind: string]: JsonObject } = {
  text: { type: "text", text: "a text" },
  image: { type: "image", data: png, mimeType: "image/png" },
  audio: { type: "audio", data: wav, mimeType: "audio/wav" },
  link: { type: "resource_link", uri: "chaos://text/alpha", name: "alpha", mimeType: "text/plain" },
  embedded: { type: "resource", resource: { uri: "chaos://text/alpha", mimeType: "text/plain", text: "alpha" } },
  blob: { type: "resource", resource: { uri: "chaos://blob/pixel", mimeType: "image/png", blob: png } },
};
const kinds = z.enum(["text", "image", "audio", "link", "embedded", "blob"]);
const levels = z.enum(["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]);

/** Tools for what a result and its request may carry. */
export const contentTools: readonly ChaosTool[] = [
  defineTool("content", {
    description: "Returns content of these kinds; of all by default.",
    input: z.object({ kinds: z.array(kinds).optional() }),
    annotations: { readOnlyHint: true },
    run: (args) => ({ content: (args.kinds ?? kinds.options).map((kind) => blocks[kind]) }),
  }),
  defineTool("log", {
    description: "Sends so many log messages of a level, 1 by default.",
    input: z.object({ level: levels, text: z.string(), count: z.int().min(0).max(1_000_000).optional() }),
    run: async (args, { log }) => {
      for (let sent = 0; sent < (args.count ?? 1); sent += 1) await log(args.level, args.text);
      return text("logged");
    },
  }),
  {
    name: "region",
    listing: {
      name: "region",
      description: "Returns its arguments, which the modern era wants as headers too.",
      inputSchema: {
        type: "object",
        properties: {
          region: { type: "string", "x-mcp-header": "Region" },
          count: { type: "integer", "x-mcp-header": "Count" },
          dry: { type: "boolean", "x-mcp-header": "Dry" },
        },
      },
      annotations: { readOnlyHint: true },
    },
    run: async (args) => text(JSON.stringify(args ?? {})),
  },
];
