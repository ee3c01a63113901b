// A server over stdio, made with the official SDK, that has every tool, prompt and resource that the server side of the
// conformance suite asks for. It serves both eras; `conformance.mjs` puts it behind the gateway.
import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  Server,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";
const secret = randomBytes(32);
const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

const text = (value) => ({ content: [{ type: "text", text: value }] });
const form = (message, properties, required = Object.keys(properties)) => ({
  method: "elicitation/create",
  params: { mode: "form", message, requestedSchema: { type: "object", properties, required } },
});
const sampling = (prompt, maxTokens = 100) => ({
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: prompt } }], maxTokens },
});
const roots = { method: "roots/list", params: {} };
const nameForm = form("What is your name?", { name: { type: "string" } });

/** State that is refused where it was changed. */
const seal = (value) => `${value}.${createHmac("sha256", secret).update(value).digest("base64url")}`;
const opened = (state) => {
  const [value = ""] = String(state).split(".");
  if (seal(value) !== state) throw new ProtocolError(-32602, "requestState is not the one that was given");
  return value;
};

/** What the host has declared for this call. */
const declared = (server, { mcpReq }) => mcpReq.envelope?.[capabilitiesKey] ?? server.getClientCapabilities() ?? {};
const answersTo = ({ mcpReq }, ...keys) => {
  const answers = mcpReq.inputResponses ?? {};
  return keys.every((key) => answers[key] !== undefined) ? answers : undefined;
};
const asks = (inputRequests, state) =>
  inputRequired({ inputRequests, ...(state !== undefined && { requestState: state }) });

/** A tool that asks once, then says what it was answered. */
const asking = (inputRequests, say, state) => ({
  run: (_args, context) => {
    const answers = answersTo(context, ...Object.keys(inputRequests));
    if (answers === undefined) return asks(inputRequests, state && seal(state));
    if (state !== undefined && opened(context.mcpReq.requestState()) !== state) throw new Error("another state");
    return text(say(answers));
  },
});
const elicited = ({ answer }) =>
  `Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`;

const embedded = {
  type: "resource",
  resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." },
};
const mixed = {
  type: "resource",
  resource: { uri: "test://mixed-content-resource", mimeType: "application/json", text: '{"test":"data","value":123}' },
};
const image = { type: "image", data: png, mimeType: "image/png" };

const tools = {
  test_simple_text: { run: () => text("This is a simple text response for testing.") },
  test_image_content: { run: () => ({ content: [image] }) },
  test_audio_content: { run: () => ({ content: [{ type: "audio", data: wav, mimeType: "audio/wav" }] }) },
  test_embedded_resource: { run: () => ({ content: [embedded] }) },
  test_multiple_content_types: {
    run: () => ({ content: [{ type: "text", text: "Multiple content types test:" }, image, mixed] }),
  },
  test_error_handling: {
    run: () => ({ ...text("This tool intentionally returns an error for testing"), isError: true }),
  },
  test_tool_with_progress: {
    run: async (_args, { mcpReq }) => {
      for (const progress of [0, 50, 100]) {
        const progressToken = mcpReq._meta?.progressToken;
        const params = { progressToken, progress, total: 100 };
        if (progressToken !== undefined) await mcpReq.notify({ method: "notifications/progress", params });
        await pause(50);
      }
      return text("done");
    },
  },
  test_tool_with_logging: {
    run: async (_args, { mcpReq }) => {
      for (const line of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await mcpReq.log("info", line);
        await pause(50);
      }
      return text("logged");
    },
  },
  test_logging_tool: {
    run: async (_args, { mcpReq }) => {
      await mcpReq.log("info", "only where it was asked for");
      return text("logged");
    },
  },
  test_sampling: {
    properties: { prompt: { type: "string" } },
    run: ({ prompt }, context) => {
      const answers = answersTo(context, "answer");
      if (answers === undefined) return asks({ answer: sampling(prompt) });
      return text(`LLM response: ${answers.answer.content?.text}`);
    },
  },
  test_elicitation: {
    properties: { message: { type: "string" } },
    run: ({ message }, context) => {
      const answers = answersTo(context, "answer");
      const username = { type: "string", description: "User's response" };
      const email = { type: "string", description: "User's email address" };
      if (answers === undefined) return asks({ answer: form(message, { username, email }) });
      return text(
        `User response: action: ${answers.answer.action}, content: ${JSON.stringify(answers.answer.content)}`,
      );
    },
  },
  test_elicitation_sep1034_defaults: asking(
    {
      answer: form(
        "Please confirm",
        {
          name: { type: "string", default: "John Doe" },
          age: { type: "integer", default: 30 },
          score: { type: "number", default: 95.5 },
          status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
          verified: { type: "boolean", default: true },
        },
        [],
      ),
    },
    elicited,
  ),
  test_elicitation_sep1330_enums: asking(
    {
      answer: form(
        "Please choose",
        {
          untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
          titledSingle: {
            type: "string",
            oneOf: ["First", "Second", "Third"].map((name, at) => ({
              const: `value${at + 1}`,
              title: `${name} Option`,
            })),
          },
          legacyEnum: {
            type: "string",
            enum: ["opt1", "opt2", "opt3"],
            enumNames: ["Option One", "Option Two", "Option Three"],
          },
          untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
          titledMulti: {
            type: "array",
            items: {
              anyOf: ["First", "Second", "Third"].map((name, at) => ({
                const: `value${at + 1}`,
                title: `${name} Choice`,
              })),
            },
          },
        },
        [],
      ),
    },
    elicited,
  ),
  json_schema_2020_12_tool: {
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: {
        address: {
          $anchor: "addressDef",
          type: "object",
          properties: { street: { type: "string" }, city: { type: "string" } },
        },
      },
      properties: {
        name: { type: "string" },
        address: { $ref: "#/$defs/address" },
        contactMethod: { type: "string", enum: ["phone", "email"] },
        phone: { type: "string" },
        email: { type: "string" },
      },
      allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
      if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
      ...JSON.parse('{ "then": { "required": ["phone"] } }'),
      else: { required: ["email"] },
      additionalProperties: false,
    },
    run: () => text("ok"),
  },
  test_custom_header: {
    properties: { region: { type: "string", "x-mcp-header": "Region" } },
    run: ({ region }) => text(`region ${region}`),
  },
  test_missing_capability: {
    run: (_args, context, server) => {
      if (declared(server, context).sampling === undefined)
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
      return text("declared");
    },
  },
  test_streaming_elicitation: asking(
    { user_name: nameForm },
    ({ user_name: { content } }) => `Hello, ${content?.name}!`,
  ),
  test_trigger_tool_change: { run: (_args, _context, server) => changed(server, "tools") },
  test_trigger_prompt_change: { run: (_args, _context, server) => changed(server, "prompts") },
  test_input_required_result_elicitation: asking(
    { user_name: nameForm },
    ({ user_name: { content } }) => `Hello, ${content?.name}!`,
  ),
  test_input_required_result_sampling: asking(
    { capital_question: sampling("What is the capital of France?") },
    ({ capital_question: { content } }) => content?.text ?? "",
  ),
  test_input_required_result_list_roots: asking({ client_roots: roots }, (answers) =>
    JSON.stringify(answers.client_roots),
  ),
  test_input_required_result_request_state: asking(
    { confirm: form("Please confirm", { ok: { type: "boolean" } }) },
    () => "state-ok",
    "confirm",
  ),
  test_input_required_result_tampered_state: asking(
    { confirm: form("Please confirm", { ok: { type: "boolean" } }) },
    () => "state-ok",
    "tampered",
  ),
  test_input_required_result_multiple_inputs: asking(
    { user_name: nameForm, greeting: sampling("Generate a greeting", 50), client_roots: roots },
    (answers) => JSON.stringify(answers),
    "several",
  ),
  test_input_required_result_multi_round: {
    run: (_args, context) => {
      const state = context.mcpReq.requestState();
      const round = state === undefined ? "" : opened(state);
      const step1 = form("Step 1: What is your name?", { name: { type: "string" } });
      const step2 = form("Step 2: What is your favorite color?", { color: { type: "string" } });
      if (round === "") return asks({ step1 }, seal("one"));
      if (round === "one")
        return answersTo(context, "step1") === undefined ? asks({ step1 }, seal("one")) : asks({ step2 }, seal("two"));
      return answersTo(context, "step2") === undefined ? asks({ step2 }, seal("two")) : text("both rounds");
    },
  },
  test_input_required_result_capabilities: {
    run: (_args, context, server) => {
      const { elicitation, sampling: samples } = declared(server, context);
      const inputRequests = {
        ...(elicitation !== undefined && { user_name: nameForm }),
        ...(samples !== undefined && { greeting: sampling("Generate a greeting", 50) }),
      };
      if (answersTo(context, ...Object.keys(inputRequests)) !== undefined) return text("answered");
      return Object.keys(inputRequests).length === 0 ? text("nothing to ask") : asks(inputRequests);
    },
  },
};

const argument = (name) => ({ name, description: `The argument ${name}`, required: true });
const user = (content) => ({ role: "user", content });
const prompts = {
  test_simple_prompt: { run: () => [user({ type: "text", text: "This is a simple prompt for testing." })] },
  test_prompt_with_arguments: {
    arguments: [argument("arg1"), argument("arg2")],
    run: ({ arg1, arg2 }) => [user({ type: "text", text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })],
  },
  test_prompt_with_embedded_resource: {
    arguments: [argument("resourceUri")],
    run: ({ resourceUri: uri }) => [
      user({
        type: "resource",
        resource: { uri, mimeType: "text/plain", text: "Embedded resource content for testing." },
      }),
      user({ type: "text", text: "Please process the embedded resource above." }),
    ],
  },
  test_prompt_with_image: {
    run: () => [user(image), user({ type: "text", text: "Please analyze the image above." })],
  },
  test_input_required_result_prompt: {
    run: (_args, context) => {
      const ask = { user_context: form("What context should the prompt use?", { context: { type: "string" } }) };
      const answers = answersTo(context, "user_context");
      if (answers === undefined) return asks(ask);
      return [user({ type: "text", text: `Context: ${answers.user_context.content?.context}` })];
    },
  },
};

const resources = {
  "test://static-text": { mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { mimeType: "image/png", blob: png },
  "test://watched-resource": { mimeType: "text/plain", text: "watched" },
};

async function changed(server, list) {
  if (list === "tools") await server.sendToolListChanged();
  else await server.sendPromptListChanged();
  return text("changed");
}

function found(table, name, what) {
  if (!Object.hasOwn(table, name)) throw new ProtocolError(-32602, `Unknown ${what}: ${name}`);
  return table[name];
}

function newServer() {
  const list = { listChanged: true };
  const capabilities = {
    tools: list,
    prompts: list,
    resources: { ...list, subscribe: true },
    completions: {},
    logging: {},
  };
  const server = new Server({ name: "everything", version: "1.0.0" }, { capabilities });
  server.setRequestHandler("tools/list", () => ({
    tools: Object.entries(tools).map(([name, { inputSchema, properties = {} }]) => ({
      name,
      description: `The tool ${name}`,
      inputSchema: inputSchema ?? { type: "object", properties },
    })),
  }));
  server.setRequestHandler("tools/call", ({ params }, context) =>
    found(tools, params.name, "tool").run(params.arguments ?? {}, context, server),
  );
  server.setRequestHandler("prompts/list", () => ({
    prompts: Object.entries(prompts).map(([name, { arguments: args = [] }]) => ({
      name,
      description: `The prompt ${name}`,
      arguments: args,
    })),
  }));
  server.setRequestHandler("prompts/get", ({ params }, context) => {
    const messages = found(prompts, params.name, "prompt").run(params.arguments ?? {}, context);
    return Array.isArray(messages) ? { messages } : messages;
  });
  server.setRequestHandler("resources/list", () => ({
    resources: Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri, description: uri, mimeType })),
  }));
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
  }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    if (id !== undefined) {
      const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
      return { contents: [{ uri, mimeType: "application/json", text: data }] };
    }
    if (!Object.hasOwn(resources, uri)) throw new ProtocolError(-32602, "Resource not found", { uri });
    return { contents: [{ uri, ...resources[uri] }] };
  });
  server.setRequestHandler("completion/complete", () => ({ completion: { values: ["paris", "park"], total: 2 } }));
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
  server.setRequestHandler("logging/setLevel", () => ({}));
  return server;
}

serveStdio(newServer);
