// Writes mcp.schema.json, by which editors complete and check an mcp.json: node scripts/mcp-schema.mjs
// This file is its one source. A test compares the two, and holds the keys here against those that are read.
import { readFileSync, writeFileSync } from "node:fs";

const text = (description) => ({ type: "string", description });
const texts = (description) => ({ type: "array", items: { type: ["string", "number", "boolean"] }, description });
const names = (description) => ({ type: "array", items: { type: "string" }, description });
const map = (description) => ({
  type: ["object", "null"],
  additionalProperties: { type: ["string", "number", "boolean", "null"] },
  description,
});
const ms = (description) => ({ type: "number", exclusiveMinimum: 0, description: `Milliseconds. ${description}` });
const count = (description) => ({ type: "integer", minimum: 1, description });
const any = (description) => ({ description });

const server = {
  type: "object",
  description: "One server.",
  properties: {
    type: text("How it is spoken to: stdio, http or sse, or a name that a host gives to one of them."),
    transport: { type: ["string", "object"], description: "The same, or an object of type, url and headers." },
    transportType: text("The same, as Cline writes it."),
    command: {
      type: ["string", "array", "object"],
      description: "The program that is started; as a list, with its arguments; as an object, { path, args, env }.",
    },
    args: texts("Its arguments."),
    env: map("Variables for it; null takes an inherited one away."),
    environment: map("The same, as OpenCode writes it."),
    envFile: text("A file of variables for it, relative to this file."),
    cwd: text("Its working directory, relative to this file."),
    url: text("Where it is reached."),
    serverUrl: text("The same, as Windsurf writes it."),
    httpUrl: text("The same over streamable HTTP, as Gemini writes it."),
    headers: map("Sent with every request."),
    disabled: { type: "boolean", description: "Whether it is left out." },
    enabled: { type: "boolean", description: "Whether it is there." },
    tools: {
      description: "The tools that there are: a list of names, or { allow, deny }.",
      oneOf: [
        names("Whole names; * alone for all."),
        {
          type: "object",
          properties: { allow: names("Allowed."), deny: names("Left out.") },
          additionalProperties: false,
        },
      ],
    },
    includeTools: names("The tools that there are."),
    excludeTools: names("Tools that are left out."),
    disabledTools: names("Tools that are left out."),
    timeout: { type: "number", description: "The host's own time limit of a call; its unit is the host's." },
    stateful: { type: "boolean", description: "Whether it remembers its client: one connection, never given up." },
    maxConnections: count("Connections at the same time."),
    maxCallsPerConnection: count("Calls at the same time on one connection."),
    maxListItems: count("Items of the longest list that is taken."),
    maxMessageBytes: count("Bytes of the largest message that is read."),
    connectTimeoutMs: ms("To open a connection."),
    callTimeoutMs: ms("For a call: queueing, connecting, calling and retrying together."),
    closeTimeoutMs: { type: "number", minimum: 0, description: "Milliseconds. From the end of its input to SIGKILL." },
    outputSchemas: { enum: ["enforce", "report", "off"], description: "What happens where a result does not fit." },
    protocol: text("auto, or the protocol revision to speak."),
    retry: any("How failed calls are repeated; false: not at all."),
    breaker: any("Its circuit breaker; false: none."),
    pool: any("Its pool of connections."),
    cache: any("Its cached lists; false: none is kept."),
    proxy: any("A proxy's URL, environment, or false."),
    ca: any("Certificates that are trusted, as PEM text."),
    allowedAuthOrigins: names("Other origins that may describe its authorization."),
    replicas: { type: "array", description: "Other places of the same server." },
  },
};
const servers = { type: "object", additionalProperties: { $ref: "#/$defs/server" } };

/** The schema as text. */
export const schemaText = `${JSON.stringify(
  {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "MCP servers",
    description: "An mcp.json as @minion/client reads it.",
    type: "object",
    properties: {
      mcpServers: { ...servers, description: "The servers by name." },
      servers: { ...servers, description: "The same, as VS Code writes it." },
      context_servers: { ...servers, description: "The same, as Zed writes it." },
      inputs: { type: "array", description: "Values to ask for (VS Code)." },
    },
    $defs: { server },
  },
  undefined,
  2,
)}\n`;

const file = new URL("../mcp.schema.json", import.meta.url);
if (process.argv[1] === import.meta.filename) writeFileSync(file, schemaText);
/** The schema as it is shipped. */
export const shippedText = readFileSync(file, "utf8");
