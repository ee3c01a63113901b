import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Faults } from "./faults.js";
import { type ChaosTool, defineTool, text } from "./tool.js";
import { tools } from "./tools.js";

/** One entry of a list, as it goes on the wire. */
export type Listing = { readonly [member: string]: unknown };

const generated: ChaosTool[] = [];

/** The tool of that name, generated ones included. */
export function findTool(name: string, faults: Faults): ChaosTool | undefined {
  return tools.find((tool) => tool.name === name) ?? generatedTools(faults.tools).find((tool) => tool.name === name);
}

export function listedTools(faults: Faults): readonly Listing[] {
  const listed: Listing[] = [...tools, ...generatedTools(faults.tools)].map((tool) => tool.listing);
  // In the middle, so that a client that stops at one loses valid tools behind it.
  if (faults.malformedTool) listed.splice(2, 0, { name: "malformed", description: 42 });
  if (faults.uncompilableSchema) {
    listed.splice(3, 0, {
      name: "uncompilable",
      description: "Its output schema refers to nothing.",
      inputSchema: { type: "object" },
      outputSchema: { type: "object", properties: { value: { $ref: "#/$defs/missing" } } },
    });
  }
  return listed;
}

export function listedResources(faults: Faults): readonly { readonly uri: string; readonly name: string }[] {
  return Array.from({ length: faults.resources }, (_, index) => ({
    uri: `chaos://resource/${index}`,
    name: `resource_${index}`,
  }));
}

export function listedPrompts(faults: Faults): readonly { readonly name: string; readonly description: string }[] {
  return Array.from({ length: faults.prompts }, (_, index) => ({ name: `prompt_${index}`, description: "Generated." }));
}

/** What one list request is answered with: entries, and the other members of the result. */
export interface Page {
  readonly entries: readonly Listing[];
  readonly rest: Listing;
}

/**
 * One page of a list, with the hints of the day.
 *
 * @param cursor what the client sent: undefined, or a `nextCursor` given before
 */
export function page(all: readonly Listing[], cursor: string | undefined, faults: Faults): Page {
  const number = pageNumber(cursor);
  if (number === faults.failPage) throw new McpError(ErrorCode.InternalError, `page ${number} fails, as asked`);
  const from = number === 1 ? 0 : (number - 1) * faults.pageSize;
  const isLast = from + faults.pageSize >= all.length;
  const next = isLast ? (faults.cursorLoop ? 1 : undefined) : number + 1;
  return {
    entries: all.slice(from, from + faults.pageSize),
    rest: {
      ...(next !== undefined && { nextCursor: next === 2 && faults.emptyCursor ? "" : `page-${next}` }),
      ...(faults.ttlMs !== undefined && { ttlMs: faults.ttlMs }),
      ...(faults.cacheScope !== undefined && { cacheScope: faults.cacheScope }),
    },
  };
}

function pageNumber(cursor: string | undefined): number {
  if (cursor === undefined) return 1;
  if (cursor === "") return 2;
  const number = Number(/^page-(\d+)$/.exec(cursor)?.[1]);
  if (!(number >= 1)) throw new McpError(ErrorCode.InvalidParams, `Invalid cursor: ${cursor}`);
  return number;
}

function generatedTools(count: number): readonly ChaosTool[] {
  for (let index = generated.length; index < count; index += 1) generated.push(generatedTool(index));
  return generated.slice(0, count);
}

function generatedTool(index: number): ChaosTool {
  const properties = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, z.string().optional()]));
  return defineTool(`generated_${index}`, {
    description: `Generated tool ${index}.`,
    input: z.object(properties),
    output: z.object({ ...properties, index: z.int() }),
    annotations: { readOnlyHint: true },
    run: () => ({ ...text(JSON.stringify({ index })), structuredContent: { index } }),
  });
}
