// One probe of one client, in a process that what the client leaves behind cannot outlive.
import { authClients } from "./auth-clients.js";
import { authProbes } from "./auth-probes.js";
import { clients } from "./clients.js";
import { gatewayProbes } from "./gateway-probes.js";
import { patience, probes, speeds } from "./probes.js";

const [client, probe] = process.argv.slice(2);
// A rejection that a client forgot about must not hide what the probe found.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

let cell;
try {
  const run = { ...probes, ...patience, ...speeds }[probe];
  const ofGateway = gatewayProbes[probe];
  if (ofGateway !== undefined) cell = await ofGateway(client);
  else cell = await (run === undefined ? authProbes[probe](authClients[client]) : run(clients[client], client));
} catch (error) {
  cell = `error: ${String(error?.message ?? error)
    .split("\n")[0]
    .slice(0, 120)}`;
}
process.send(cell, () => process.exit(0));
