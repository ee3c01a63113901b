import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import { onTestFinished } from "vitest";
import {
  type ClientEvent,
  type ConnectContext,
  type CustomServer,
  MinionClient,
  type MinionClientOptions,
} from "../src/index.js";

type Params = Record<string, unknown> | undefined;

/** What a server in this process does; everything may be changed while it runs. */
export interface Behaviour {
  /** Answers `tools/list`. */
  list: (params: Params) => Promise<object> | object;
  /** Answers `resources/list`. */
  resources: () => object;
  /** Answers `tools/call`. */
  call: (params: Params, server: Server) => Promise<object> | object;
  /** Runs before a connection is made: throws where the server is down. */
  connect: (context: ConnectContext) => Promise<void> | void;
}

/** A server in this process, with a journal of what reached it. */
export interface MemoryServer extends Behaviour {
  readonly config: CustomServer;
  /** The parameters of every `tools/list` and `tools/call` so far. */
  readonly lists: Params[];
  readonly calls: Params[];
  readonly connections: Server[];
  readonly contexts: ConnectContext[];
  /** Sends a notification over every open connection. */
  notify(method?: string): Promise<void>;
  /** Ends every connection, as a server does that goes down. */
  drop(): Promise<void>;
}

export const inputSchema = { type: "object" } as const;

export function tool(name: string, more: object = {}): object {
  return { name, inputSchema, ...more };
}

/** Where none is given, the SDK makes one for each client and each server, which costs more than all else of a connection. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

/** A server in this process. */
export function memoryServer(given: Partial<Behaviour> = {}): MemoryServer {
  const server: MemoryServer = {
    list: () => ({ tools: [tool("echo")] }),
    resources: () => ({ resources: [{ name: "readme", uri: "file:///readme" }] }),
    call: (params) => ({ content: [{ type: "text", text: JSON.stringify(params?.arguments ?? {}) }] }),
    connect: () => {},
    ...given,
    lists: [],
    calls: [],
    connections: [],
    contexts: [],
    config: {
      connect: async (context) => {
        server.contexts.push(context);
        await server.connect(context);
        const [ours, theirs] = InMemoryTransport.createLinkedPair();
        const behind = serve(server);
        await behind.connect(theirs);
        server.connections.push(behind);
        const client = new Client({ name: "test", version: "1.0.0" }, { capabilities: {}, jsonSchemaValidator });
        await client.connect(ours);
        return client;
      },
    },
    notify: async (method = "notifications/tools/list_changed") => {
      for (const connection of server.connections) await connection.notification({ method });
    },
    drop: async () => {
      for (const connection of server.connections.splice(0)) await connection.close();
    },
  };
  return server;
}

function serve(behaviour: MemoryServer): Server {
  const server = new Server(
    { name: "memory", version: "1.0.0" },
    {
      capabilities: { tools: { listChanged: true }, resources: { listChanged: true }, prompts: { listChanged: true } },
      jsonSchemaValidator,
    },
  );
  server.onclose = () => {
    const index = behaviour.connections.indexOf(server);
    if (index >= 0) behaviour.connections.splice(index, 1);
  };
  server.setRequestHandler(ListToolsRequestSchema, async ({ params }) => {
    behaviour.lists.push(params);
    return { ...(await behaviour.list(params)) };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    behaviour.calls.push(params);
    return { ...(await behaviour.call(params, server)) };
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ ...behaviour.resources() }));
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: [{ name: "greet" }] }));
  return server;
}

/** A client that is closed when the test ends, with everything it tells. */
export function start(
  servers: MinionClientOptions["servers"],
  options: Omit<MinionClientOptions, "servers"> = {},
): { readonly client: MinionClient; readonly events: ClientEvent[] } {
  const events: ClientEvent[] = [];
  const client = new MinionClient({ servers, onEvent: (event) => events.push(event), ...options });
  onTestFinished(() => client.close({ graceMs: 0 }));
  return { client, events };
}

/** The events of one type. */
export function ofType<T extends ClientEvent["type"]>(
  events: readonly ClientEvent[],
  type: T,
): Extract<ClientEvent, { readonly type: T }>[] {
  return events.filter((event): event is Extract<ClientEvent, { readonly type: T }> => event.type === type);
}

/** The first status of a client. */
export function statusOf(client: MinionClient, name: string) {
  const status = client.status().find((one) => one.name === name);
  if (status === undefined) throw new Error(`there is no status of ${name}`);
  return status;
}

/** The reason that a promise rejected with. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`);
    },
    (reason) => reason,
  );
}

/** Resolves when `condition` holds; rejects after a long time. */
export async function until(condition: () => boolean, what: string, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A promise with its two ends in reach. */
export function deferred<T = void>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
