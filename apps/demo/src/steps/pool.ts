import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { everythingCommand } from "../servers.js";
import { duration, median, type Step, timed, times } from "../step.js";

const rounds = 5;
const callers = 32;

/** A connection per call costs a process each; a pooled one is shared, also by many callers at once. */
export const pool: Step = {
  id: "pool",
  title: "Pool: a connection per call, or one that is kept",
  async run({ client }) {
    const sum = { a: 1, b: 2 };
    const alone: number[] = [];
    const pooled: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push((await timed(() => callOnNewConnection("get-sum", sum))).ms);
      pooled.push((await timed(() => client.callTool("everything", "get-sum", sum))).ms);
    }
    await Promise.all(Array.from({ length: callers }, () => client.callTool("everything", "get-sum", sum)));
    const connections = client.status().find(({ name }) => name === "everything")?.pool.total ?? 0;
    const ratio = median(alone) / median(pooled);
    return {
      ok: connections === 1,
      says: `${duration(median(alone))} with a connection per call, ${duration(median(pooled))} pooled: ${times(ratio)}; ${callers} callers at once shared ${connections} process`,
      figures: { newConnectionMs: median(alone), pooledMs: median(pooled), ratio, callers, connections },
    };
  },
};

async function callOnNewConnection(name: string, args: Record<string, unknown>): Promise<void> {
  const client = new Client({ name: "a-connection-per-call", version: "1.0.0" });
  await client.connect(
    new StdioClientTransport({ ...everythingCommand, args: [...everythingCommand.args], stderr: "ignore" }),
  );
  await client.callTool({ name, arguments: args });
  await client.close();
}
