import { startChaosServer } from "@minion/chaos";
import { MinionClient } from "@minion/client";

/** Genkit compiles input schemas by draft 7, and refuses the tools of a server whose schemas name another. */
const order = {
  name: "order",
  description: "Orders something.",
  inputSchema: { type: "object", properties: { key: { type: "string" } }, required: ["key"] },
  result: { content: [{ type: "text", text: "ordered" }] },
};
const refuse = {
  name: "refuse",
  description: "Orders nothing.",
  inputSchema: { type: "object" },
  result: { isError: true, content: [{ type: "text", text: "no such order" }] },
};

/** A chaos server and a client of it, both closed when the test ends. Sessions are what some faults are about, hence the legacy era. */
export async function chaosAndMinion(test) {
  const server = await startChaosServer({ protocol: "legacy", faults: { extraTools: [order, refuse] } });
  const client = new MinionClient({ servers: { chaos: { url: server.url } } });
  test.after(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

/** How many calls of the tool have reached the server. */
export function callsOf(server, tool) {
  return server.journal().filter((entry) => entry.event === "request" && entry.tool === tool).length;
}
