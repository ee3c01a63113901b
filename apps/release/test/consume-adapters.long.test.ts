import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { emptyProject, npmInstall, ownDependencies, removeFolders, root, run, tarballOf } from "./support.js";

const minutes = 60_000;

/** Each entry with the packages that its user has installed, and a program that offers one tool through it and calls it. */
const entries = [
  {
    entry: "ai-sdk",
    peers: ["ai"],
    program: `import { toAiSdkTools } from "@minion/adapters/ai-sdk";
      const tools = await toAiSdkTools(client);
      const options = { toolCallId: "1", messages: [], context: {} };
      const result: unknown = await tools.mcp_files_echo?.execute?.({ message: "hello" }, options);
      say(Object.keys(tools), result);`,
  },
  {
    entry: "openai-agents",
    peers: ["@openai/agents", "zod"],
    program: `import { toOpenAiServer } from "@minion/adapters/openai-agents";
      const server = toOpenAiServer(client);
      const tools = await server.listTools();
      say(tools.map((tool) => tool.name), await server.callTool(tools[0]?.name ?? "", { message: "hello" }));`,
  },
  {
    entry: "langchain",
    peers: ["@langchain/core"],
    program: `import { toLangChainTools } from "@minion/adapters/langchain";
      const tools = await toLangChainTools(client);
      say(tools.map((tool) => tool.name), await tools[0]?.invoke({ message: "hello" }));`,
  },
  {
    entry: "anthropic",
    peers: ["@anthropic-ai/sdk"],
    program: `import { toAnthropicTools } from "@minion/adapters/anthropic";
      const tools = await toAnthropicTools(client);
      say(tools.map((tool) => tool.name), await tools[0]?.run({ message: "hello" }));`,
  },
  {
    entry: "transport",
    peers: ["@modelcontextprotocol/sdk"],
    program: `import { minionTransport } from "@minion/adapters/transport";
      const host = new Client({ name: "host", version: "1.0.0" });
      await host.connect(minionTransport(client, "files"));
      const { tools } = await host.listTools();
      say(tools.map((tool) => tool.name), await host.callTool({ name: "echo", arguments: { message: "hello" } }));
      await host.close();`,
  },
] as const;

/** An application with one server of its own, in memory: no process, no socket. */
function application(program: string): string {
  const imports = program.match(/^\s*import .*$/gm) ?? [];
  const statements = program.replace(/^\s*import .*$/gm, "");
  return `import { MinionClient } from "@minion/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { z } from "zod";
${imports.join("\n")}

async function connect() {
  const server = new McpServer({ name: "files", version: "1.0.0" });
  server.registerTool("echo", { inputSchema: { message: z.string() } }, ({ message }) => ({
    content: [{ type: "text", text: message }],
  }));
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  const session = new Client({ name: "application", version: "1.0.0" });
  await session.connect(near);
  return session;
}
const say = (names: readonly string[], result: unknown) => console.log(names.join(), JSON.stringify(result));
const client = new MinionClient({ servers: { files: { connect } } });
${statements}
await client.close();
`;
}

/** The version of a framework that the adapters' own tests run with. */
async function version(name: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, "packages/adapters/frameworks/package.json"), "utf8"));
  return `${name}@${manifest.dependencies[name]}`;
}

afterAll(removeFolders);

for (const { entry, peers, program } of entries) {
  test(
    `@minion/adapters/${entry} with its own peer alone type-checks, and its tools answer on Node 20, 22 and 24`,
    async () => {
      const project = await emptyProject(`adapters-${entry}`);
      const needed = new Set([...peers, "@modelcontextprotocol/sdk", "zod"]);
      const own = (["adapters", "client", ...ownDependencies.client] as const).map(tarballOf);
      await npmInstall(project, ...own, ...(await Promise.all([...needed].map(version))), "@types/node@20");
      await writeFile(join(project, "application.ts"), application(program));
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      for (const [module, moduleResolution] of [
        ["nodenext", "nodenext"],
        ["esnext", "bundler"],
      ]) {
        const compilerOptions = {
          strict: true,
          exactOptionalPropertyTypes: true,
          // The types of the frameworks are not ours to check.
          skipLibCheck: true,
          target: "es2022",
          lib: ["es2023", "dom"],
          types: ["node"],
          module,
          moduleResolution,
          outDir: "out",
        };
        await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["application.ts"] }));
        await run(process.execPath, [tsc, "-p", "."], { cwd: project });
      }
      for (const node of inject("nodes")) {
        const { stdout } = await run(node, [join("out", "application.js")], { cwd: project });
        expect(stdout).toMatch(/^\S*echo .*hello/);
      }
    },
    5 * minutes,
  );
}
