import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { duration, type Step, timed } from "../step.js";

interface Call {
  readonly server: string;
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly expect: string;
}

/** Real tools do real work: a sum, a file, a memory. */
export const call: Step = {
  id: "call",
  title: "Call real tools with real arguments",
  async run({ client, playground }) {
    const file = join(playground.folder, "hello.txt");
    const entity = { name: "Minion", entityType: "project", observations: ["calls MCP servers"] };
    const calls: readonly Call[] = [
      { server: "everything", tool: "echo", args: { message: "hello" }, expect: "hello" },
      { server: "everything", tool: "get-sum", args: { a: 20, b: 22 }, expect: "42" },
      { server: "everything-http", tool: "echo", args: { message: "over HTTP" }, expect: "over HTTP" },
      {
        server: "filesystem",
        tool: "write_file",
        args: { path: file, content: "written by a tool" },
        expect: "hello.txt",
      },
      { server: "filesystem", tool: "read_text_file", args: { path: file }, expect: "written by a tool" },
      { server: "memory", tool: "create_entities", args: { entities: [entity] }, expect: "Minion" },
      { server: "memory", tool: "read_graph", args: {}, expect: "calls MCP servers" },
      { server: "chaos-stdio", tool: "add", args: { a: 1, b: 2 }, expect: "3" },
    ];
    const failed: string[] = [];
    const { ms } = await timed(async () => {
      for (const { server, tool, args, expect } of calls) {
        const result = await client.callTool(server, tool, args);
        if (result.isError === true || !JSON.stringify(result).includes(expect)) failed.push(`${server}/${tool}`);
      }
    });
    const onDisk = await readFile(file, "utf8");
    return {
      ok: failed.length === 0 && onDisk === "written by a tool",
      says: failed.length > 0 ? `wrong answers from ${failed.join(", ")}` : `${calls.length} calls in ${duration(ms)}`,
      figures: { calls: calls.length, failed: failed.length, ms },
    };
  },
};
