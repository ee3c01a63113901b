// What the suite starts for each run: a host with a MinionClient of the server whose URL is the last argument.
import { MinionClient } from "../dist/index.js";
import { beLoginHost } from "./login-host.js";
import { beSkillsHost } from "./skills-host.js";

const { MCP_CONFORMANCE_SCENARIO: scenario = "", MCP_CONFORMANCE_CONTEXT: given = "{}" } = process.env;
const url = process.argv.at(-1);
const context = JSON.parse(given);

if (scenario.startsWith("auth/")) await beLoginHost(url, scenario, context);
else if (scenario.startsWith("sep-2640-")) await beSkillsHost(url, scenario);
else await beHost();

/** Lists what the server has, and uses each of it, all calls of tools at the same time. */
async function beHost() {
  const client = new MinionClient({
    servers: { test: { url } },
    capabilities: { elicitation: { form: { applyDefaults: true } }, roots: {}, sampling: {} },
    onServerRequest: answer,
  });
  try {
    await client.connect();
    const tools = await client.listTools("test");
    // The server of this scenario has no other method.
    if (scenario === "json-schema-ref-no-deref") return;
    const calls = context.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: argumentsFor(tool, tools) }));
    const results = await Promise.all(calls.map((call) => client.callTool("test", call.name, call.arguments)));
    for (const { uri } of await client.listResources("test")) results.push(await client.readResource("test", uri));
    for (const { name } of await client.listPrompts("test")) results.push(await client.getPrompt("test", name));
    for (const result of results) console.log(JSON.stringify(result));
  } finally {
    await client.close();
  }
}

/** What a user would answer: nothing, so that the defaults of the form are seen, or yes. */
function answer({ method, params }) {
  if (method === "roots/list") return { roots: [] };
  const isConfirmation = params?.requestedSchema?.properties?.confirmed !== undefined;
  return { action: "accept", content: isConfirmation ? { confirmed: true } : {} };
}

function argumentsFor({ name, inputSchema }, tools) {
  // It is to be told what the client has read of the other tool.
  if (name === "json_schema_echo") return { schema: tools.find((tool) => tool.name !== name)?.inputSchema };
  const fields = Object.entries(inputSchema.properties ?? {});
  return Object.fromEntries(fields.map(([field, { type }]) => [field, type === "string" ? "text" : 5]));
}
