import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { freeze } from "../fault-controller.js";
import { floodStderr } from "../stdio/stdio-output.js";
import { contentTools } from "./content-tools.js";
import { questionTools } from "./question-tools.js";
import { type ChaosTool, defineTool, forever, pause, type RequestContext, text } from "./tool.js";

const nothing = z.object({});
const ms = z.int().min(0).max(2_147_483_647);
const sums = z.object({ sum: z.number() });

const plain: readonly ChaosTool[] = [
  defineTool("echo", {
    description: "Returns its text.",
    input: z.object({ text: z.string() }),
    annotations: { readOnlyHint: true },
    run: (args) => text(args.text),
  }),
  defineTool("add", {
    description: "Adds two numbers.",
    input: z.object({ a: z.number(), b: z.number() }),
    annotations: { readOnlyHint: true },
    run: ({ a, b }) => text(String(a + b)),
  }),
  defineTool("counter", {
    description: "Counts its calls in this session.",
    input: nothing,
    run: (_args, { memory }) => {
      memory.counter += 1;
      return text(String(memory.counter));
    },
  }),
  defineTool("structured", {
    description: "Returns structured content that fits its output schema.",
    input: nothing,
    output: sums,
    annotations: { readOnlyHint: true },
    run: () => ({ ...text('{"sum":3}'), structuredContent: { sum: 3 } }),
  }),
  defineTool("badStructured", {
    description: "Returns structured content that violates its output schema.",
    input: nothing,
    output: sums,
    run: () => ({ ...text('{"sum":"three"}'), structuredContent: { sum: "three" } }),
  }),
  defineTool("env", {
    description: "Returns these variables of its environment.",
    input: z.object({ names: z.array(z.string()) }),
    annotations: { readOnlyHint: true },
    run: ({ names }) => text(JSON.stringify(Object.fromEntries(names.map((name) => [name, process.env[name]])))),
  }),
];

const effects: readonly ChaosTool[] = [
  defineTool("sideEffect", {
    description: "Does something that must not be done twice.",
    input: z.object({ key: z.string() }),
    annotations: { readOnlyHint: false, idempotentHint: false },
    run: ({ key }, call) => effect("sideEffect", key, call),
  }),
  defineTool("sideEffectIdempotent", {
    description: "Does something that may be done twice.",
    input: z.object({ key: z.string() }),
    annotations: { readOnlyHint: false, idempotentHint: true },
    run: ({ key }, call) => effect("sideEffectIdempotent", key, call),
  }),
  defineTool("readOnly", {
    description: "Changes nothing.",
    input: nothing,
    annotations: { readOnlyHint: true },
    run: () => text("unchanged"),
  }),
  defineTool("crash", {
    description: "Crashes the server before or after the side effect.",
    input: z.object({ when: z.enum(["before", "after"]), key: z.string(), code: z.int().min(0).max(255).optional() }),
    annotations: { readOnlyHint: false, idempotentHint: false },
    run: ({ when, key, code }, call) => {
      if (when === "after") effect("crash", key, call);
      call.controller.host.crash(code ?? 1);
      return forever(call.signal);
    },
  }),
];

const failures: readonly ChaosTool[] = [
  defineTool("slow", {
    description: "Answers after a while; stops when it is cancelled.",
    input: z.object({ ms }),
    annotations: { readOnlyHint: true },
    run: async (args, { signal }) => {
      await pause(args.ms, signal);
      return text(`slept ${args.ms} ms`);
    },
  }),
  defineTool("hang", { description: "Never answers.", input: nothing, run: (_args, { signal }) => forever(signal) }),
  defineTool("freeze", {
    description: "Blocks the server for a while, then answers.",
    input: z.object({ ms }),
    run: (args) => {
      freeze(args.ms);
      return text(`froze ${args.ms} ms`);
    },
  }),
  defineTool("big", {
    description: "Returns a text of so many bytes.",
    input: z.object({ bytes: z.int().min(0).max(500_000_000) }),
    annotations: { readOnlyHint: true },
    run: ({ bytes }) => text("x".repeat(bytes)),
  }),
  defineTool("fail", {
    description: "Fails as a tool does: a result with isError.",
    input: nothing,
    run: () => ({ ...text("the tool failed, as asked"), isError: true }),
  }),
  defineTool("rpcError", {
    description: "Fails as a server does: a JSON-RPC error.",
    input: z.object({ code: z.int(), message: z.string().optional() }),
    run: ({ code, message }) => {
      throw new McpError(code, message ?? "as asked");
    },
  }),
  defineTool("progress", {
    description: "Reports progress at each step.",
    input: z.object({ steps: z.int().min(0).max(1_000_000), ms }),
    run: async ({ steps, ...args }, { report, signal }) => {
      for (let step = 1; step <= steps; step += 1) {
        if (args.ms > 0) await pause(args.ms, signal);
        await report(step, steps);
      }
      return text(`${steps} steps`);
    },
  }),
  defineTool("stderr", {
    description: "Writes to stderr: a text, then so many bytes.",
    input: z.object({ text: z.string().optional(), bytes: z.int().min(0).optional() }),
    run: (args) => {
      if (args.text !== undefined) process.stderr.write(`${args.text}\n`);
      floodStderr(args.bytes ?? 0);
      return text("written");
    },
  }),
];

const control: readonly ChaosTool[] = [
  defineTool("chaos", {
    description: "Controls how this server misbehaves.",
    input: z.looseObject({}),
    run: (args, { controller }) => {
      try {
        controller.obey(args);
      } catch (error) {
        throw new McpError(ErrorCode.InvalidParams, error instanceof Error ? error.message : String(error));
      }
      return text(JSON.stringify(controller.faults));
    },
  }),
];

/** Every tool, in the order of the list. */
export const tools: readonly ChaosTool[] = [
  ...plain,
  ...effects,
  ...failures,
  ...questionTools,
  ...contentTools,
  ...control,
];

function effect(tool: string, key: string, { controller }: RequestContext): ReturnType<typeof text> {
  controller.journal.write({ event: "sideEffect", tool, key });
  return text(`done: ${key}`);
}
