// One probe of one client, in a process that what the client leaves behind cannot outlive.
import { authClients } from "./auth-clients.js";
import { authProbes } from "./auth-probes.js";
import { clients } from "./clients.js";
import { patience, probes, speeds } from "./probes.js";

const [client, probe, kind] = process.argv.slice(2);
// A rejection that a client forgot about must not hide what the probe found.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

let cell;
try {
  const run = { ...probes, ...patience, ...speeds }[probe];
  // They load an SDK, which must not stand in the memory of every client.
  if (kind === "gateway") cell = await (await import("./gateway-probes.js")).gatewayProbes[probe](client);
  else cell = await (run === undefined ? authProbes[probe](authClients[client]) : run(clients[client], client));
} catch (error) {
  cell = `error: ${String(error?.message ?? error)
    .split("\n")[0]
    .slice(0, 120)}`;
}
process.send(cell, () => process.exit(0));
