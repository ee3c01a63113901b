import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { FaultController } from "../fault-controller.js";
import type { Faults } from "../faults.js";
import type { JsonObject } from "../json.js";
import { extraTools } from "./extra-tools.js";
import { type ChaosTool, defineTool, text } from "./tool.js";
import { tools } from "./tools.js";

const generated: ChaosTool[] = [];

/** The tool of that name, generated ones included. */
export function findTool(name: string, faults: Faults): ChaosTool | undefined {
  return (
    extraTools(faults.extraTools).find((tool) => tool.name === name) ??
    tools.find((tool) => tool.name === name) ??
    generatedTools(faults.tools).find((tool) => tool.name === name)
  );
}

export function listedTools(faults: Faults): readonly JsonObject[] {
  const listed: JsonObject[] = [...tools, ...generatedTools(faults.tools), ...extraTools(faults.extraTools)].map(
    (tool) => tool.listing,
  );
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
  if (faults.duplicateTool) listed.push(...listed.slice(0, 1));
  return listed;
}

/** What one list request is answered with: entries, and the other members of the result. */
export interface Page {
  readonly entries: readonly JsonObject[];
  readonly rest: JsonObject;
}

/**
 * One page of a list, with its cursor and the hints.
 *
 * @param cursor what the client sent: undefined, or a `nextCursor` given before
 */
export function page(all: readonly JsonObject[], cursor: string | undefined, controller: FaultController): Page {
  const { faults } = controller;
  const number = pageNumber(cursor);
  if (number === faults.failPage) throw new McpError(ErrorCode.InternalError, `page ${number} fails, as asked`);
  const from = number === 1 ? 0 : (number - 1) * faults.pageSize;
  const nextCursor = cursorAfter(number, from + faults.pageSize >= all.length, faults);
  if (faults.endlessPages || faults.repeatCursor) {
    controller.struck(faults.endlessPages ? "endlessPages" : "repeatCursor", `page ${number} leads to ${nextCursor}`);
  }
  // An endless list shows its entries on every page once they are used up.
  const entries = from < all.length ? all.slice(from, from + faults.pageSize) : all.slice(0, faults.pageSize);
  return {
    entries:
      number > 1 && !faults.endlessPages && !faults.repeatCursor ? all.slice(from, from + faults.pageSize) : entries,
    rest: {
      ...(nextCursor !== undefined && { nextCursor }),
      ...(faults.ttlMs !== undefined && { ttlMs: faults.ttlMs }),
      ...(faults.cacheScope !== undefined && { cacheScope: faults.cacheScope }),
    },
  };
}

function cursorAfter(number: number, isLast: boolean, faults: Faults): string | undefined {
  if (faults.endlessPages) return `page-${number + 1}`;
  if (faults.repeatCursor) return "page-2";
  const next = isLast ? (faults.cursorLoop ? 1 : undefined) : number + 1;
  return next === undefined ? undefined : next === 2 && faults.emptyCursor ? "" : `page-${next}`;
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
