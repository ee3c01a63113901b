// Every client behind one small face, each used as its own documentation shows: defaults, unless a comment says otherwise.
// Each is loaded where it is used, so that a process holds the one it probes.

/**
 * @typedef {{ command: string, args: string[], env: Record<string, string> } | { url: string }} Target
 * @typedef {{ list(): Promise<string[]>, call(tool: string, args: object): Promise<unknown>, close(): Promise<unknown> }} Opened
 */

const identity = { name: "bench", version: "1.0.0" };
const names = (tools) => tools.map(({ name }) => name);

/** @type {Record<string, (target: Target) => Promise<Opened>>} */
export const clients = {
  async "SDK v1"(target) {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(identity);
    await client.connect(
      target.url ? new StreamableHTTPClientTransport(new URL(target.url)) : new StdioClientTransport(target),
    );
    return sdk(client);
  },

  // Its cache is off unless a server or this option asks for it.
  async "SDK v2"(target) {
    const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
    const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
    const client = new Client(identity, { defaultCacheTtlMs: 60_000 });
    await client.connect(
      target.url ? new StreamableHTTPClientTransport(new URL(target.url)) : new StdioClientTransport(target),
    );
    return sdk(client);
  },

  async "@ai-sdk/mcp"(target) {
    const { createMCPClient } = await import("@ai-sdk/mcp");
    const { Experimental_StdioMCPTransport } = await import("@ai-sdk/mcp/mcp-stdio");
    const transport = target.url ? { type: "http", url: target.url } : new Experimental_StdioMCPTransport(target);
    const client = await createMCPClient({ transport });
    let tools;
    return {
      async list() {
        tools = await client.tools();
        return Object.keys(tools);
      },
      async call(tool, args) {
        tools ??= await client.tools();
        return tools[tool].execute(args, { toolCallId: "1", messages: [] });
      },
      close: () => client.close(),
    };
  },

  // Its cache is off unless asked for.
  async "@openai/agents-core"(target) {
    const { MCPServerStdio, MCPServerStreamableHttp } = await import("@openai/agents-core");
    const options = { ...target, cacheToolsList: true };
    const client = target.url ? new MCPServerStreamableHttp(options) : new MCPServerStdio(options);
    await client.connect();
    return {
      list: async () => names(await client.listTools()),
      call: (tool, args) => client.callTool(tool, args),
      close: () => client.close(),
    };
  },

  // Its restart and reconnect are off unless asked for.
  async "@langchain/mcp-adapters"(target) {
    const { MultiServerMCPClient } = await import("@langchain/mcp-adapters");
    const again = { enabled: true, maxAttempts: 3, delayMs: 500 };
    const server = target.url
      ? { transport: "http", url: target.url, reconnect: again }
      : { transport: "stdio", ...target, restart: again };
    const client = new MultiServerMCPClient({ mcpServers: { bench: server } });
    return {
      list: async () => names(await client.getTools()),
      async call(tool, args) {
        const found = (await client.getTools()).find(({ name }) => name === tool);
        return found.invoke(args);
      },
      close: () => client.close(),
    };
  },

  async "mcp-use"(target) {
    const { MCPClient } = await import("mcp-use/client");
    const client = new MCPClient({ mcpServers: { bench: target } });
    const session = await client.createSession("bench");
    return {
      list: async () => names(await session.listTools()),
      call: (tool, args) => session.callTool(tool, args),
      close: () => client.closeAllSessions(),
    };
  },

  async minion(target) {
    const { MinionClient } = await import("@minion/client");
    const client = new MinionClient({ servers: { bench: target } });
    return {
      list: async () => names(await client.listTools("bench")),
      call: (tool, args) => client.callTool("bench", tool, args),
      close: () => client.close(),
    };
  },
};

function sdk(client) {
  return {
    list: async () => names((await client.listTools()).tools),
    call: (tool, args) => client.callTool({ name: tool, arguments: args }),
    close: () => client.close(),
  };
}

/** Connects to ten servers and lists their tools, in each client's own way of having several. */
export const manyServers = {
  async "@langchain/mcp-adapters"(targets) {
    const { MultiServerMCPClient } = await import("@langchain/mcp-adapters");
    const servers = targets.map((target, index) => [`s${index}`, { transport: "stdio", ...target }]);
    const client = new MultiServerMCPClient({
      mcpServers: Object.fromEntries(servers),
      prefixToolNameWithServerName: true,
    });
    await client.getTools();
    return () => client.close();
  },

  async "mcp-use"(targets) {
    const { MCPClient } = await import("mcp-use/client");
    const client = new MCPClient({
      mcpServers: Object.fromEntries(targets.map((target, index) => [`s${index}`, target])),
    });
    const sessions = await client.createAllSessions();
    await Promise.all(Object.values(sessions).map((session) => session.listTools()));
    return () => client.closeAllSessions();
  },

  async minion(targets) {
    const { MinionClient } = await import("@minion/client");
    const client = new MinionClient({
      servers: Object.fromEntries(targets.map((target, index) => [`s${index}`, target])),
    });
    const { failures } = await client.listAllTools();
    if (failures.length > 0) throw failures[0].error;
    return () => client.close();
  },
};
