import { duration, type Step, timed } from "../step.js";

/** Every server is reached at once, and their tools stand in one catalog. */
export const discover: Step = {
  id: "discover",
  title: "Connect to every server, list every tool",
  async run({ client, playground }) {
    const servers = Object.keys(playground.servers).length;
    const connected = await timed(() => client.connect());
    const catalog = await client.listAllTools();
    return {
      ok: catalog.failures.length === 0 && new Set(catalog.tools.map((tool) => tool.server)).size === servers,
      says: `${servers} servers connected side by side in ${duration(connected.ms)}, ${catalog.tools.length} tools`,
      figures: { servers, connectMs: connected.ms, tools: catalog.tools.length, failures: catalog.failures.length },
    };
  },
};
